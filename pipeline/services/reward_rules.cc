#include "pipeline/services/reward_rules.h"

#include <memory>
#include <set>
#include <string>

#include "base/status_macros.h"
#include "judge/model_rule.h"
#include "pipeline/folder/loaded_model.h"
#include "pipeline/folder/model_path.h"
#include "reward/builtin_rules.h"
#include "reward/service/plugins.h"

namespace r1 {

namespace {

// The rule "model", whose path may also be that of a stage, RUN/stages/NAME.
RuleFactory MakesResolvedModelRule() {
  return [make = MakesModelRule(ResolveThreads(0))](RuleOptions options)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    if (const auto path = options.find("path"); path != options.end()) {
      R1_ASSIGN_OR_RETURN(path->second, ResolveModelPath(path->second));
    }
    return make(options);
  };
}

}  // namespace

absl::StatusOr<RewardRegistry> MakeRewardRules(
    const std::vector<std::string>& plugins,
    const std::vector<std::string>& model_rules) {
  RewardRegistry registry = BuiltinRewardRules();
  std::set<std::string> names(model_rules.begin(), model_rules.end());
  names.insert("model");
  for (const std::string& name : names) {
    R1_RETURN_IF_ERROR(registry.RegisterPlugin(name, MakesResolvedModelRule(),
                                               kModelRuleCarrier));
  }
  R1_RETURN_IF_ERROR(AddPlugins(plugins, &registry));
  return registry;
}

}  // namespace r1
