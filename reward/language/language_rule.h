// "language": is the reasoning written in the target language?
// Source: DeepSeek-R1 (arXiv 2501.12948 v2), equation 7.
#ifndef R1_REWARD_LANGUAGE_LANGUAGE_RULE_H_
#define R1_REWARD_LANGUAGE_LANGUAGE_RULE_H_

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct LanguageOptions {
  int target = 0;         // "target": position in Languages(); default "en"
  int min_words = 10;     // "min_words": 1 or more
  bool abstains = false;  // "few": "neutral" (default) or "abstain"
  bool is_whole = false;  // "part": "reasoning" (default) or "whole"

  static absl::StatusOr<LanguageOptions> Parse(const RuleOptions& options);
};

// Words in the target language / words, over the reasoning or the whole
// completion; language.h says what is a word and which language it is in.
// `detail` has numerator and denominator. Each word that is missing to
// min_words counts half, or with few = "abstain" nothing is said then. Neutral
// is the default, as a trace of formulas is no fault: it stays a sample of its
// prompt, with 1/2 for no words at all, which is less than for words in the
// target language and more than for words in another. Needs no reference.
// Metric "one_language": 1 where all words are in one language, whichever, else
// 0; mixing is what R1-Zero does (paper 2.3) and the reward is to end.
// Range: [0, 1].
class LanguageRule : public ItemRule {
 public:
  explicit LanguageRule(const LanguageOptions& options) : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;

 private:
  const LanguageOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LANGUAGE_RULE_H_
