// What the learner sees of the reward room: completions go in, results come
// out in any order.
#ifndef R1_LEARNER_REWARD_SOURCE_H_
#define R1_LEARNER_REWARD_SOURCE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"

namespace r1 {

// Threads: one learner thread.
class RewardSource {
 public:
  virtual ~RewardSource() = default;

  // The training step, from 1, of items submitted from now on, and the most
  // tokens of a completion in it; rewards may change with both. 0: outside
  // training. Not while results are to come.
  virtual void SetStep(int64_t step, int max_new_tokens) = 0;

  // Returns at once. The item's id is unique within the step.
  virtual void Submit(RewardItem item) = 0;

  // Whether a rule compares the samples of a prompt. Then all of a prompt's are
  // submitted by one call of SubmitTogether, and none by Submit.
  virtual bool compares_samples() const = 0;
  virtual void SubmitTogether(std::vector<RewardItem> items) = 0;

  // The next finished result; each submitted item comes out exactly once, if
  // need be as an error or a timeout.
  // Errors: DeadlineExceeded, with a message that names what is awaited from
  // whom; any other code is final.
  virtual absl::StatusOr<RewardResult> Next(absl::Time deadline) = 0;
};

}  // namespace r1

#endif  // R1_LEARNER_REWARD_SOURCE_H_
