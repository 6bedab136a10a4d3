#include "reward/core/registry.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/nearest_name.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

constexpr size_t kMaxNameBytes = 64;

}  // namespace

bool IsRuleName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
  });
}

absl::Status RewardRegistry::Register(absl::string_view name,
                                      RuleFactory factory,
                                      RuleOptions example) {
  return Add(name, {std::move(factory), std::move(example), ""});
}

absl::Status RewardRegistry::RegisterPlugin(absl::string_view name,
                                            RuleFactory factory,
                                            std::string carrier) {
  return Add(name, {std::move(factory), {}, std::move(carrier)});
}

absl::Status RewardRegistry::Add(absl::string_view name, Entry entry) {
  if (!IsRuleName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "reward rule name \"", Excerpt(name), "\": expected 1 to ",
        kMaxNameBytes, " lower-case letters, digits and underscores"));
  }
  if (entry.factory == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("reward rule \"", name, "\" has no factory"));
  }
  if (!entries_.try_emplace(std::string(name), std::move(entry)).second) {
    return absl::AlreadyExistsError(absl::StrCat(
        "reward rule \"", name, "\" is registered twice; choose another name"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<const RewardRule>> RewardRegistry::Make(
    absl::string_view name, const RuleOptions& options) const {
  const auto it = entries_.find(std::string(name));
  if (it == entries_.end()) {
    // A name from the network may be megabytes; the search is quadratic.
    const std::vector<std::string> known = Names();
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown reward rule \"", Excerpt(name),
        "\"; known: ", known.empty() ? "none" : absl::StrJoin(known, ", "),
        DidYouMean(NearestNames(name.substr(0, kMaxNameBytes), known))));
  }
  auto rule = it->second.factory(options);
  if (rule.ok()) return rule;
  return Annotate(rule.status(), absl::StrCat("reward rule \"", name, "\""));
}

absl::StatusOr<std::unique_ptr<const RewardRule>> RewardRegistry::MakeExample(
    absl::string_view name) const {
  const auto it = entries_.find(std::string(name));
  if (it == entries_.end()) return Make(name, {});
  if (!it->second.carrier.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("reward rule \"", name, "\" is a plugin, which is known ",
                     "once it is started"));
  }
  return Make(name, it->second.example);
}

std::string RewardRegistry::CarrierOf(absl::string_view name) const {
  const auto it = entries_.find(std::string(name));
  const bool is_plugin = it != entries_.end() && !it->second.carrier.empty();
  return is_plugin ? it->second.carrier : "built-in";
}

std::vector<std::string> RewardRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

}  // namespace r1
