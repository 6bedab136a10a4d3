// The reward rules of this program, wherever it scores: in a run, in a reward
// server, and for the commands that score files and runs.
#ifndef R1_PIPELINE_SERVICES_REWARD_RULES_H_
#define R1_PIPELINE_SERVICES_REWARD_RULES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reward/core/registry.h"

namespace r1 {

// The built-in rules, the rule "model" (judge/model_rule.h) under its name and
// under those of `model_rules`, its path as in ResolveModelPath, and one rule
// for each plugin, a "NAME=TARGET". Errors: those of AddPlugins
// (reward/service/plugins.h).
absl::StatusOr<RewardRegistry> MakeRewardRules(
    const std::vector<std::string>& plugins,
    const std::vector<std::string>& model_rules = {});

}  // namespace r1

#endif  // R1_PIPELINE_SERVICES_REWARD_RULES_H_
