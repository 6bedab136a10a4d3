#include "pipeline/services/reward_rules.h"

#include <set>
#include <string>

#include "base/status_macros.h"
#include "judge/model_rule.h"
#include "pipeline/folder/loaded_model.h"
#include "reward/builtin_rules.h"
#include "reward/service/plugins.h"

namespace r1 {

absl::StatusOr<RewardRegistry> MakeRewardRules(
    const std::vector<std::string>& plugins,
    const std::vector<std::string>& model_rules) {
  RewardRegistry registry = BuiltinRewardRules();
  std::set<std::string> names(model_rules.begin(), model_rules.end());
  names.insert("model");
  for (const std::string& name : names) {
    R1_RETURN_IF_ERROR(registry.RegisterPlugin(
        name, MakesModelRule(ResolveThreads(0)), kModelRuleCarrier));
  }
  R1_RETURN_IF_ERROR(AddPlugins(plugins, &registry));
  return registry;
}

}  // namespace r1
