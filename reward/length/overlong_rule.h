// "overlong": DAPO's soft overlong punishment.
#ifndef R1_REWARD_LENGTH_OVERLONG_RULE_H_
#define R1_REWARD_LENGTH_OVERLONG_RULE_H_

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct OverlongOptions {
  int buffer = 64;  // "buffer": tokens before max_new_tokens where it starts

  static absl::StatusOr<OverlongOptions> Parse(const RuleOptions& options);
};

// With L = completion_tokens, Lm = max_new_tokens, Lc = buffer:
//   0                      if L <= Lm - Lc
//   ((Lm - Lc) - L) / Lc   if Lm - Lc < L <= Lm
//   -1                     if Lm < L
// Units: tokens. Abstains when Lm is not positive or L is negative.
// Needs no reference. Range: [-1, 0].
// Source: DAPO (arXiv 2503.14476), equation 13.
class OverlongRule : public ItemRule {
 public:
  explicit OverlongRule(const OverlongOptions& options) : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
  ScoreRange range() const override { return {-1, 0}; }

 private:
  const OverlongOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_LENGTH_OVERLONG_RULE_H_
