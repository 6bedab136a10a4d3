// What a step reports while it runs, for the live view.
#ifndef R1_LEARNER_PROGRESS_H_
#define R1_LEARNER_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "rollout/rollout_source.h"

namespace r1 {

enum class StepPhase { kRollout, kReward, kTrain };

struct StepProgress {
  int64_t step = 0;  // the one running; the first is 1
  StepPhase phase = StepPhase::kRollout;
  int64_t samples_done = 0;
  int64_t rewards_done = 0;
  int64_t samples_total = 0;
  int64_t tokens_generated = 0;  // of finished samples
  int64_t tokens_trained = 0;
  int64_t tokens_to_train = 0;  // 0 until known
  std::vector<WorkerStatus> workers;
};

// Calls back at most ten times a second, and whenever the phase changes.
// Threads: one learner thread; the callback runs in it.
class ProgressReporter {
 public:
  using Callback = std::function<void(const StepProgress&)>;

  explicit ProgressReporter(Callback callback)
      : callback_(std::move(callback)) {}

  // `fill` writes the current numbers; called only when they will be shown.
  template <typename Fill>
  void Report(StepPhase phase, Fill fill) {
    const absl::Time now = absl::Now();
    if (!callback_ || (phase == phase_ && now < next_)) return;
    phase_ = phase;
    next_ = now + absl::Milliseconds(100);
    StepProgress progress;
    progress.phase = phase;
    fill(&progress);
    callback_(progress);
  }

 private:
  Callback callback_;
  StepPhase phase_ = StepPhase::kTrain;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace r1

#endif  // R1_LEARNER_PROGRESS_H_
