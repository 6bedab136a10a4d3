// "group_length": shorter than the other samples of the prompt is better.
#ifndef R1_REWARD_LENGTH_GROUP_LENGTH_RULE_H_
#define R1_REWARD_LENGTH_GROUP_LENGTH_RULE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct GroupLengthOptions {
  std::string answer;  // "answer": the rule that says which samples are right

  static absl::StatusOr<GroupLengthOptions> Parse(const RuleOptions& options);
};

// With L = completion_tokens, shortest and longest over the group:
//   s = 0.5 - (L - shortest) / (longest - shortest)
// s for a right sample (its score by the answer rule is 1), min(0, s) for
// another; 0 for all where all are equally long. Units: tokens.
// Range: [-0.5, 0.5].
// Source: Kimi k1.5 (arXiv 2501.12599), section 2.3.3, length penalty.
class GroupLengthRule : public RewardRule {
 public:
  explicit GroupLengthRule(GroupLengthOptions options)
      : options_(std::move(options)) {}
  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& context) const override;
  RuleGrain grain() const override { return RuleGrain::kGroup; }
  std::string needs() const override { return options_.answer; }
  ScoreRange range() const override { return {-0.5, 0.5}; }

 private:
  const GroupLengthOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_LENGTH_GROUP_LENGTH_RULE_H_
