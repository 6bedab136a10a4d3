// Exit codes of the program: what a script or a scheduler should do next.
#ifndef R1_PIPELINE_PROCESS_EXIT_CODE_H_
#define R1_PIPELINE_PROCESS_EXIT_CODE_H_

#include "absl/status/status.h"

namespace r1 {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // the same command would fail again
inline constexpr int kExitUsage = 2;    // the command line is wrong
// The same command goes on, now or later (EX_TEMPFAIL of sysexits.h).
inline constexpr int kExitAgain = 75;

// kExitAgain for Cancelled (by a signal), Unavailable, DeadlineExceeded and
// Aborted: something was not there, late or held by another process. For other
// errors kExitFailure.
inline int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
      return kExitAgain;
    default:
      return kExitFailure;
  }
}

}  // namespace r1

#endif  // R1_PIPELINE_PROCESS_EXIT_CODE_H_
