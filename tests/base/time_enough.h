// For tests of time limits.
#ifndef R1_TESTS_BASE_TIME_ENOUGH_H_
#define R1_TESTS_BASE_TIME_ENOUGH_H_

#include <time.h>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace r1 {

// Some of a test's work must end within a limit that other work exceeds. How
// long that takes depends on the machine: tries limits, each twice the one
// before, until the attempt says that its work was in time. False if two
// minutes are not enough.
inline bool WithTimeEnough(absl::FunctionRef<bool(absl::Duration)> attempt) {
  for (absl::Duration limit = absl::Milliseconds(200); limit < absl::Minutes(2);
       limit *= 2) {
    if (attempt(limit)) return true;
  }
  return false;
}

// What this thread has used of a processor. Unlike the time that passes, it
// does not depend on what else the machine has to do.
inline absl::Duration ThreadCpuTime() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

}  // namespace r1

#endif  // R1_TESTS_BASE_TIME_ENOUGH_H_
