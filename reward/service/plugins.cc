#include "reward/service/plugins.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "reward/plugin/plugin_spec.h"
#include "reward/plugin/process_rule.h"
#include "reward/service/server_rule.h"

namespace r1 {

absl::Status AddPlugins(absl::Span<const std::string> specs,
                        RewardRegistry* registry) {
  for (const std::string& text : specs) {
    R1_ASSIGN_OR_RETURN(const PluginSpec spec, ParsePluginSpec(text));
    const auto make = [spec](const RuleOptions& options)
        -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
      if (spec.carrier == PluginCarrier::kServer) {
        return RewardServerRule::Create(spec, options);
      }
      return ProcessRule::Create(spec, options);
    };
    R1_RETURN_IF_ERROR(Annotate(registry->RegisterPlugin(spec.name, make, text),
                                absl::StrCat("plugin \"", spec.name, "\"")));
  }
  return absl::OkStatus();
}

}  // namespace r1
