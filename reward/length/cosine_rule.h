// "cosine": shorter is better, smoothly.
#ifndef R1_REWARD_LENGTH_COSINE_RULE_H_
#define R1_REWARD_LENGTH_COSINE_RULE_H_

#include "absl/status/statusor.h"
#include "reward/options.h"
#include "reward/rule.h"

namespace r1 {

struct CosineOptions {
  int min_len = 0;  // "min_len": tokens up to which the score is 1
  int max_len = 0;  // "max_len": tokens from which it is 0; 0 = max_new_tokens

  static absl::StatusOr<CosineOptions> Parse(const RuleOptions& options);
};

// With L = completion_tokens, p = (L - min_len) / (max_len - min_len) clamped
// to [0, 1]: (1 + cos(pi p)) / 2. The clamp keeps it from rising again beyond
// max_len. To pay it for right answers alone, give the answer's rule a gate.
// Units: tokens. Abstains if max_len is not known, is not above min_len, or L
// is negative. Needs no reference. Range: [0, 1].
// Source: Yeo et al. (arXiv 2502.03373), without its values for wrong answers.
class CosineRule : public RewardRule {
 public:
  explicit CosineRule(const CosineOptions& options) : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;

 private:
  const CosineOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_LENGTH_COSINE_RULE_H_
