// The rules that come with the program, and which of them a task uses.
#ifndef R1_REWARD_BUILTIN_RULES_H_
#define R1_REWARD_BUILTIN_RULES_H_

#include <vector>

#include "proto/config.pb.h"
#include "proto/reward.pb.h"
#include "reward/registry.h"

namespace r1 {

// Every rule of reward/README.md under its name.
RewardRegistry BuiltinRewardRules();

// The rule that says whether an answer is right ("accuracy"), and its lenient
// twin, for evaluation.
const char* AnswerRuleName(Task task);
const char* LenientAnswerRuleName(Task task);

// The task's answer rule and "format", both with weight 1 (DeepSeek-R1, arXiv
// 2501.12948 v2, equation 4), then as metrics, with weight 0, their lenient
// twins and "overlong".
std::vector<RewardRuleSpec> DefaultRules(Task task);

// The rules of the configuration to train by, in its order: those whose option
// "when" is not "eval". DefaultRules if it has none.
std::vector<RewardRuleSpec> ConfiguredRules(const RewardSection& section,
                                            Task task);

// The rules to evaluate by: those whose "when" is "eval" or "both"; the task's
// answer rule if there is none. The first says whether an answer is right.
std::vector<RewardRuleSpec> EvalRules(const RewardSection& section, Task task);

}  // namespace r1

#endif  // R1_REWARD_BUILTIN_RULES_H_
