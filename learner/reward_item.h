// One sample as the reward service is asked about it, and what its result says:
// the same in training, in evaluations and where a run is scored anew.
#ifndef R1_LEARNER_REWARD_ITEM_H_
#define R1_LEARNER_REWARD_ITEM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/tokenizer.h"
#include "proto/reward.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

// The rule whose score is the metric "format".
inline constexpr char kFormatRule[] = "format";

// A rule that says whether an answer is right: where its score is at least
// `right_from`.
struct AnswerRule {
  std::string name;
  double right_from = 1;
};

// Whether the first of the rules that gave a score says right; nothing if none
// gave one.
std::optional<bool> IsRight(const RewardResult& result,
                            absl::Span<const AnswerRule> rules);

// The answer as rewards and people see it: what the prompt begins it with
// (Prompt.answer_prefix), then the sampled tokens but special ones. Valid
// UTF-8: what is none, such as a character that was cut, becomes U+FFFD.
std::string CompletionText(const Prompt& prompt, const Trajectory& trajectory,
                           const Tokenizer& tokenizer);

// "17/3": prompt id and sample index.
std::string SampleName(uint64_t prompt_id, uint32_t sample_index);

// What is asked of one sample. Its id is the sample's name, its group the
// prompt's id.
RewardItem MakeRewardItem(const Prompt& prompt, const Trajectory& trajectory,
                          absl::string_view completion);

// The score of a rule, if it gave one.
std::optional<double> ScoreOf(const RewardResult& result,
                              absl::string_view rule);

// How many of some results are failures.
class FailureCount {
 public:
  // `sample` names it in messages.
  void Add(absl::string_view sample, const RewardResult& result);

  // Errors: FailedPrecondition, with an example, if more than this share of the
  // results are failures.
  absl::Status Check(double max_error_share) const;

  int64_t failures() const { return failures_; }

 private:
  int64_t results_ = 0, failures_ = 0;
  std::string example_;
};

}  // namespace r1

#endif  // R1_LEARNER_REWARD_ITEM_H_
