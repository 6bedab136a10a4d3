#include "pipeline/reward_rules.h"

#include "base/status_macros.h"
#include "reward/builtin_rules.h"
#include "reward/service/plugins.h"

namespace r1 {

absl::StatusOr<RewardRegistry> MakeRewardRules(
    const std::vector<std::string>& plugins) {
  RewardRegistry registry = BuiltinRewardRules();
  R1_RETURN_IF_ERROR(AddPlugins(plugins, &registry));
  return registry;
}

}  // namespace r1
