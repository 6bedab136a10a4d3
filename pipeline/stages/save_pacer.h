// When a stage whose steps are short saves.
#ifndef R1_PIPELINE_STAGES_SAVE_PACER_H_
#define R1_PIPELINE_STAGES_SAVE_PACER_H_

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace r1 {

// When a stage of short steps saves: these take milliseconds on a small model,
// so time, not steps, decides, and saving takes at most a twentieth of it.
// Results do not depend on when a state is saved.
class SavePacer {
 public:
  bool IsDue() const {
    return absl::Now() - last_end_ >= std::max(kShortest, 20 * last_duration_);
  }
  // Around each save.
  void Begin() { begin_ = absl::Now(); }
  void End() {
    last_end_ = absl::Now();
    last_duration_ = last_end_ - begin_;
  }

 private:
  static constexpr absl::Duration kShortest = absl::Seconds(1);
  absl::Time begin_, last_end_ = absl::Now();
  absl::Duration last_duration_;
};

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_SAVE_PACER_H_
