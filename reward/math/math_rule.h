// "math": is the completion's answer the reference {"answer": "..."}, as
// mathematics?
#ifndef R1_REWARD_MATH_MATH_RULE_H_
#define R1_REWARD_MATH_MATH_RULE_H_

#include "reward/core/rule.h"
#include "reward/math/options.h"

namespace r1 {

// 1 if VerifyMath() says correct, 0 if it says incorrect; abstains where the
// reference is no answer to compare with. Range: {0, 1}.
class MathRule : public ItemRule {
 public:
  explicit MathRule(const MathOptions& options = {}) : options_(options) {}

  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;

 private:
  const MathOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_MATH_MATH_RULE_H_
