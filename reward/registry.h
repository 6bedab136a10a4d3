// Rules by name. Registration is explicit: no static initialisers, so what is
// known is what a program's main (or a test) put in.
#ifndef R1_REWARD_REGISTRY_H_
#define R1_REWARD_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/rule.h"

namespace r1 {

// Threads: fill it in one thread; then Find and Names from any.
class RewardRegistry {
 public:
  // Names are lower-case letters, digits and '_', 64 characters at most.
  // Errors: InvalidArgument for another name or a null rule; AlreadyExists.
  absl::Status Register(absl::string_view name,
                        std::unique_ptr<const RewardRule> rule);

  // The rule, owned by the registry.
  // Errors: InvalidArgument naming the nearest and all known names.
  absl::StatusOr<const RewardRule*> Find(absl::string_view name) const;

  // Sorted.
  std::vector<std::string> Names() const;

 private:
  std::map<std::string, std::unique_ptr<const RewardRule>> rules_;
};

}  // namespace r1

#endif  // R1_REWARD_REGISTRY_H_
