// "exact_answer" and "exact_answer_lenient": does the answer equal the
// reference {"answer": "..."}?
#ifndef R1_REWARD_ANSWER_ANSWER_RULE_H_
#define R1_REWARD_ANSWER_ANSWER_RULE_H_

#include "absl/strings/string_view.h"
#include "reward/core/rule.h"

namespace r1 {

// Whether two answers are the same: as numbers, exactly, where both are
// numbers (answer/number.h: 1,000 = 1000.0, 0.5 = 1/2); otherwise as text, with
// runs of ASCII white space equal to one space, case and all else kept. Units,
// currency, percent signs and LaTeX are text here. Linear time.
bool AnswersEqual(absl::string_view answer, absl::string_view reference);

// 1 if the one answer tag after the reasoning (format/tags.h, ExtractAnswer)
// holds the reference, else 0. Abstains when the reference is unusable.
// Range: {0, 1}.
class ExactAnswerRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

// 1 if the last <answer>...</answer> anywhere holds the reference, or if the
// last number of that answer (of the whole completion where there is none) is
// the reference, else 0. A metric: guessing many numbers can pass it.
// Abstains when the reference is unusable. Range: {0, 1}.
class ExactAnswerLenientRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

}  // namespace r1

#endif  // R1_REWARD_ANSWER_ANSWER_RULE_H_
