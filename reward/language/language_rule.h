// "language": is the reasoning written in the target language?
// Source: DeepSeek-R1 (arXiv 2501.12948 v2), equation 7.
#ifndef R1_REWARD_LANGUAGE_LANGUAGE_RULE_H_
#define R1_REWARD_LANGUAGE_LANGUAGE_RULE_H_

#include "absl/status/statusor.h"
#include "reward/options.h"
#include "reward/rule.h"

namespace r1 {

struct LanguageOptions {
  int target = 0;         // "target": position in Languages(); default "en"
  int min_words = 10;     // "min_words": abstains below, 1 or more
  bool is_whole = false;  // "part": "reasoning" (default) or "whole"

  static absl::StatusOr<LanguageOptions> Parse(const RuleOptions& options);
};

// The text between the first <think> and the last </think>, each to the edge of
// the completion where it is missing (a prompt may have opened it); without
// either tag, all of it.
absl::string_view Reasoning(absl::string_view completion);

// Words in the target language / words, over the reasoning or the whole
// completion; language.h says what is a word and which language it is in.
// `detail` has numerator and denominator. Abstains when there are fewer than
// min_words words. Needs no reference. Range: [0, 1].
class LanguageRule : public RewardRule {
 public:
  explicit LanguageRule(const LanguageOptions& options) : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;

 private:
  const LanguageOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LANGUAGE_RULE_H_
