// "cosine": right answers are worth less the longer they are, wrong ones cost
// less.
#ifndef R1_REWARD_LENGTH_COSINE_RULE_H_
#define R1_REWARD_LENGTH_COSINE_RULE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct CosineOptions {
  // "answer": the rule that says which samples are right (score 1); empty:
  // all count as right.
  std::string answer;
  // Scores up to min_len and at max_len. "right_short", "right_long":
  double right_short = 1, right_long = 0;
  // "wrong_short", "wrong_long", which ask for "answer":
  double wrong_short = -1, wrong_long = 0;
  // "beyond": the score from max_len on, right or wrong; not given: the one at
  // max_len.
  std::optional<double> beyond;
  int min_len = 0;  // "min_len": tokens
  int max_len = 0;  // "max_len": tokens; 0 = max_new_tokens

  static absl::StatusOr<CosineOptions> Parse(const RuleOptions& options);
};

// With L = completion_tokens, p = (L - min_len) / (max_len - min_len) clamped
// to [0, 1], short and long as the sample is right or wrong:
//   long + (short - long) (1 + cos(pi p)) / 2
// or `beyond` if L >= max_len. The clamp keeps it from turning back beyond
// max_len. Units: tokens. Abstains if max_len is not known, is not above
// min_len, or L is negative. Range: between the smallest and the largest of the
// values that can occur.
// Source: Yeo et al. (arXiv 2502.03373), the cosine reward, there with values
// of 2, 1, -10, 0 and, from max_len on, -10.
class CosineRule : public ItemRule {
 public:
  explicit CosineRule(CosineOptions options) : options_(std::move(options)) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
  std::string needs() const override { return options_.answer; }
  ScoreRange range() const override;

 private:
  const CosineOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_LENGTH_COSINE_RULE_H_
