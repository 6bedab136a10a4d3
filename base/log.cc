#include "base/log.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace r1 {
namespace {

using Sink = std::function<void(const std::string&)>;

struct LogState {
  absl::Mutex mutex;
  Sink sink ABSL_GUARDED_BY(mutex);
};

LogState& State() {
  static LogState* state = new LogState;  // never destroyed: used at exit
  return *state;
}

void Write(absl::string_view level, absl::string_view message) {
  std::string line = absl::StrCat(
      absl::FormatTime("%H:%M:%S ", absl::Now(), absl::LocalTimeZone()), level,
      message);
  LogState& state = State();
  absl::MutexLock lock(&state.mutex);
  if (state.sink) {
    state.sink(line);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace

void LogInfo(absl::string_view message) { Write("", message); }

void LogWarning(absl::string_view message) { Write("warning: ", message); }

void SetLogSink(std::function<void(const std::string& line)> sink) {
  LogState& state = State();
  absl::MutexLock lock(&state.mutex);
  state.sink = std::move(sink);
}

}  // namespace r1
