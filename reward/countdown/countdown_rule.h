// "countdown" and "countdown_lenient": an expression that reaches the target
// of {"nums": [3, 5, 7], "target": 22} with each number exactly once.
// Source of the task: Jiayi-Pan/TinyZero.
#ifndef R1_REWARD_COUNTDOWN_COUNTDOWN_RULE_H_
#define R1_REWARD_COUNTDOWN_COUNTDOWN_RULE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "reward/core/reference.h"
#include "reward/core/rule.h"

namespace r1 {

// What is wrong with `text` as a solution of the problem; empty if nothing.
// `text` is one expression (countdown/expression.h), optionally followed by
// "= N", where N is the target in digits: a true statement, or it is wrong.
std::string CountdownProblemWith(absl::string_view text,
                                 const CountdownNumbers& problem);

// The last stretch of one line that looks like an expression: digits,
// operators, parentheses and blanks, with an operator between two operands.
// "=" ends a stretch. Empty if there is none.
absl::string_view LastExpression(absl::string_view text);

// 1 if the one answer tag after the reasoning (format/tags.h, ExtractAnswer)
// holds a solution, else 0. Abstains when the reference is unusable.
// Range: {0, 1}.
class CountdownRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

// 1 if "countdown" gives 1, or if the last stretch of the completion that looks
// like an expression is a solution, tags or not; else 0. A metric. Abstains
// when the reference is unusable. Range: {0, 1}.
class CountdownLenientRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

}  // namespace r1

#endif  // R1_REWARD_COUNTDOWN_COUNTDOWN_RULE_H_
