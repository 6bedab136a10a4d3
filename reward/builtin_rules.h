// The rules that come with the program, and which of them a task uses.
#ifndef R1_REWARD_BUILTIN_RULES_H_
#define R1_REWARD_BUILTIN_RULES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/config.pb.h"
#include "proto/reward.pb.h"
#include "reward/core/registry.h"

namespace r1 {

// Every rule of reward/README.md under its name.
RewardRegistry BuiltinRewardRules();

// The rule that says whether an answer is right ("accuracy"), and its lenient
// twin, for evaluation; empty if it has none.
const char* AnswerRuleName(Task task);
const char* LenientAnswerRuleName(Task task);

// Whether it is a built-in rule that compares the answer a text gives with the
// reference, so that samples of a problem can vote
// (pipeline/evaluation/vote.h).
bool ReadsAnswers(absl::string_view rule);

// The task's answer rule and "format", both with weight 1 (DeepSeek-R1, arXiv
// 2501.12948 v2, equation 4), then as metrics, with weight 0, their lenient
// twins and "overlong".
std::vector<RewardRuleSpec> DefaultRules(Task task);

// The rules of the configuration to train by, in its order: those whose option
// "when" is not "eval". DefaultRules if it has none. A judge of evaluations
// that comes from the task alone is measured in training, too, with weight 0.
std::vector<RewardRuleSpec> ConfiguredRules(const RewardSection& section,
                                            Task task);

// The rules to evaluate by. The first, the judge, says whether an answer is
// right; the others are measured. The judge is the first of these that exists:
//   1. of the rules whose "when" is "eval" or "both", the first that may judge:
//      an answer rule (countdown, exact_answer, math, code ...) or one that is
//      not built in;
//   2. what training pays for: of the rules with a weight above 0 or a gate, or
//      whose score such a rule needs, the first answer rule, else the first
//      that is not built in;
//   3. of the rules whose "when" is "eval" or "both", the first;
//   4. an answer rule that training measures with weight 0;
//   5. the task's answer rule.
// Where the judge is for some rows only (its option "for"), judges of other
// rows follow: the rules for some rows that may judge, of those whose "when" is
// "eval" or "both", then of those that training pays for. The others are those
// whose "when" is "eval" or "both", in their order.
std::vector<RewardRuleSpec> EvalRules(const RewardSection& section, Task task);

// The judges among EvalRules, which begin with them. A problem's is the first
// that applies to it.
std::vector<RewardRuleSpec> JudgesOf(absl::Span<const RewardRuleSpec> rules);

// "math, code"
std::string RuleNames(absl::Span<const RewardRuleSpec> rules);

// The training rules whose share of right answers is the metric "accuracy": the
// judges of evaluations that are among ConfiguredRules, else what cases 2 and 4
// find among them; empty if none of them judges answers.
std::vector<std::string> AccuracyRules(const RewardSection& section, Task task);

}  // namespace r1

#endif  // R1_REWARD_BUILTIN_RULES_H_
