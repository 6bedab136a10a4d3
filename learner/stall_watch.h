// How long a learner waits for workers or rewards: warns, then gives up.
#ifndef R1_LEARNER_STALL_WATCH_H_
#define R1_LEARNER_STALL_WATCH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "rollout/rollout_source.h"

namespace r1 {

// How long to wait without any sign of life from a peer.
struct Patience {
  absl::Duration before_warning = absl::Seconds(30);
  absl::Duration before_giving_up = absl::Minutes(10);
  // The clock; the deadlines of waits are its times.
  std::function<absl::Time()> now = absl::Now;
  // Whether the wait is to end at once; asked often. May be empty.
  std::function<bool()> should_stop = nullptr;
};

// Time in which this process stood still is no wait.
// Threads: one caller at a time.
class StallWatch {
 public:
  // `what` waits, e.g. "step 3". The wait begins now.
  StallWatch(const Patience& patience, std::string what);

  // Something awaited has come.
  void NoteProgress();

  // Cancelled once patience.should_stop says so.
  absl::Status CheckNotStopped() const;

  // A wait until `deadline` ended with `timeout`. New tokens of the workers are
  // progress.
  // Errors: `timeout` itself if it is no DeadlineExceeded; Unavailable, naming
  // who is awaited, after patience.before_giving_up without progress.
  absl::Status NoteTimeout(const absl::Status& timeout, absl::Time deadline,
                           const std::vector<WorkerStatus>& workers);

 private:
  Patience patience_;
  std::string what_;
  uint64_t worker_tokens_ = 0;
  absl::Time last_progress_, next_warning_;
};

}  // namespace r1

#endif  // R1_LEARNER_STALL_WATCH_H_
