// "repetition": how much of the completion says again what it said before.
#ifndef R1_REWARD_REPETITION_REPETITION_RULE_H_
#define R1_REWARD_REPETITION_REPETITION_RULE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct RepetitionOptions {
  int n = 3;  // "n": words of an n-gram, 1 to 64

  static absl::StatusOr<RepetitionOptions> Parse(const RuleOptions& options);
};

struct NgramCount {
  int64_t distinct = 0;
  int64_t all = 0;
};

// The n-grams of words of a text. Words are what stands between white space,
// in lower case (ASCII); a Han or kana character is a word of its own.
// Compares n-grams by a 64-bit hash. Linear time.
NgramCount CountNgrams(absl::string_view text, int n);

// -(1 - distinct n-grams / n-grams); 0 for a text with fewer than n words. The
// weight is the highest penalty. Needs no reference. Range: [-1, 0].
// Source: Yeo et al. (arXiv 2502.03373), as in huggingface/open-r1.
class RepetitionRule : public ItemRule {
 public:
  explicit RepetitionRule(const RepetitionOptions& options)
      : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
  ScoreRange range() const override { return {-1, 0}; }

 private:
  const RepetitionOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_REPETITION_REPETITION_RULE_H_
