// Which program this is.
#ifndef R1_PIPELINE_PROCESS_BUILD_ID_H_
#define R1_PIPELINE_PROCESS_BUILD_ID_H_

#include <string>

#include "absl/status/statusor.h"

namespace r1 {

// SHA-256 of the running program's own file, even if it has been replaced on
// disk since. Equal ids mean equal code; workers and resumed runs must match.
// Threads: any.
absl::StatusOr<std::string> BuildId();

// The program's version, e.g. "0.1.0".
const char* ProgramVersion();

// Absolute path of the running program.
absl::StatusOr<std::string> ProgramPath();

}  // namespace r1

#endif  // R1_PIPELINE_PROCESS_BUILD_ID_H_
