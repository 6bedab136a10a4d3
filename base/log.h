// Timestamped one-line log messages to standard error, or to a sink.
// Used for what a person running the program must see (a worker joined, a
// retry with its count); results go through return values.
// Threads: all functions may be called from any thread.
#ifndef R1_BASE_LOG_H_
#define R1_BASE_LOG_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

void LogInfo(absl::string_view message);
void LogWarning(absl::string_view message);

// Replaces standard error as the destination; each call gets one whole line
// without its newline. An empty function restores standard error. The live
// view uses it to print above itself.
void SetLogSink(std::function<void(const std::string& line)> sink);

}  // namespace r1

#endif  // R1_BASE_LOG_H_
