// The plugins of a configuration as rules of a registry.
#ifndef R1_REWARD_SERVICE_PLUGINS_H_
#define R1_REWARD_SERVICE_PLUGINS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "reward/core/registry.h"

namespace r1 {

// Registers a rule for each "NAME=TARGET" (plugin/plugin_spec.h). A plugin is
// started, or its server asked, when the registry makes the rule, not here.
// Errors: InvalidArgument for what is no such text; AlreadyExists for a name
// that the registry has.
absl::Status AddPlugins(absl::Span<const std::string> specs,
                        RewardRegistry* registry);

}  // namespace r1

#endif  // R1_REWARD_SERVICE_PLUGINS_H_
