// Rules by name. Registration is explicit: no static initialisers, so what is
// known is what a program's main (or a test) put in.
#ifndef R1_REWARD_CORE_REGISTRY_H_
#define R1_REWARD_CORE_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

// Makes a rule from its options. Errors: InvalidArgument naming the option,
// what was expected and got (reward/core/options.h).
using RuleFactory =
    std::function<absl::StatusOr<std::unique_ptr<const RewardRule>>(
        const RuleOptions&)>;

// The factory of a rule that has no options.
template <typename Rule>
RuleFactory MakesRule() {
  return [](const RuleOptions& options)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    R1_RETURN_IF_ERROR(OptionReader(options).Finish());
    return std::make_unique<const Rule>();
  };
}

// The factory of a rule that is constructed from `Options`, which come from
//   static absl::StatusOr<Options> Options::Parse(const RuleOptions&).
template <typename Rule, typename Options>
RuleFactory MakesRule() {
  return [](const RuleOptions& options)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    R1_ASSIGN_OR_RETURN(Options parsed, Options::Parse(options));
    return std::make_unique<const Rule>(std::move(parsed));
  };
}

// Whether it is 1 to 64 lower-case letters, digits and '_'.
bool IsRuleName(absl::string_view name);

// Threads: fill it in one thread; then all else from any.
class RewardRegistry {
 public:
  // A factory that does not take the absence of all options gets an example of
  // options, by which MakeExample makes the rule.
  // Errors: InvalidArgument for what is no rule's name, or no factory;
  // AlreadyExists.
  absl::Status Register(absl::string_view name, RuleFactory factory,
                        RuleOptions example = {});
  // The same for a rule that is dear to make, as it starts or asks another
  // program: what that is, for people.
  absl::Status RegisterPlugin(absl::string_view name, RuleFactory factory,
                              std::string carrier);

  // A rule with these options.
  // Errors: InvalidArgument naming the nearest and all known names, or the rule
  // and what its factory says of the options.
  absl::StatusOr<std::unique_ptr<const RewardRule>> Make(
      absl::string_view name, const RuleOptions& options) const;

  // The rule as it is without options, or by its example: to describe it.
  // Errors: as above; FailedPrecondition for a plugin.
  absl::StatusOr<std::unique_ptr<const RewardRule>> MakeExample(
      absl::string_view name) const;

  // What runs the rule: "built-in", or a plugin's carrier.
  std::string CarrierOf(absl::string_view name) const;

  // Sorted.
  std::vector<std::string> Names() const;

 private:
  struct Entry {
    RuleFactory factory;
    RuleOptions example;
    std::string carrier;  // of a plugin; else empty
  };

  absl::Status Add(absl::string_view name, Entry entry);

  std::map<std::string, Entry> entries_;
};

}  // namespace r1

#endif  // R1_REWARD_CORE_REGISTRY_H_
