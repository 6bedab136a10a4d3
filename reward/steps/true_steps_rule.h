// "true_steps": are the sums of the reasoning right?
#ifndef R1_REWARD_STEPS_TRUE_STEPS_RULE_H_
#define R1_REWARD_STEPS_TRUE_STEPS_RULE_H_

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct TrueStepsOptions {
  bool is_whole = false;  // "part": "reasoning" (default) or "whole"

  static absl::StatusOr<TrueStepsOptions> Parse(const RuleOptions& options);
};

// True arithmetic statements (steps.h) / statements, over the reasoning or the
// whole completion; not applicable where there is none, so that a text without
// arithmetic is neither paid nor fined. A reward for the answer alone lets
// traces go wrong: this measures it, and may pay for what is true. Needs no
// reference. The metric "statements" is their number. Range: [0, 1].
class TrueStepsRule : public ItemRule {
 public:
  explicit TrueStepsRule(const TrueStepsOptions& options) : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;

 private:
  const TrueStepsOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_STEPS_TRUE_STEPS_RULE_H_
