// "overlong": DAPO's soft overlong punishment.
#ifndef R1_REWARD_LENGTH_OVERLONG_RULE_H_
#define R1_REWARD_LENGTH_OVERLONG_RULE_H_

#include "reward/rule.h"

namespace r1 {

// With L = completion_tokens, Lm = max_new_tokens, Lc = overlong_buffer:
//   0                      if L <= Lm - Lc
//   ((Lm - Lc) - L) / Lc   if Lm - Lc < L <= Lm
//   -1                     if Lm < L
// Units: tokens. Abstains when Lm or Lc is not positive or L is negative.
// Needs no reference. Range: [-1, 0].
// Source: DAPO (arXiv 2503.14476), equation 13.
class OverlongRule : public RewardRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
  ScoreRange range() const override { return {-1, 0}; }
};

}  // namespace r1

#endif  // R1_REWARD_LENGTH_OVERLONG_RULE_H_
