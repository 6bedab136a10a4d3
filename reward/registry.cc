#include "reward/registry.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/nearest_name.h"
#include "reward/text.h"

namespace r1 {
namespace {

constexpr size_t kMaxNameBytes = 64;

bool IsValidName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
  });
}

}  // namespace

absl::Status RewardRegistry::Register(absl::string_view name,
                                      std::unique_ptr<const RewardRule> rule) {
  if (!IsValidName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "reward rule name \"", Excerpt(name), "\": expected 1 to ",
        kMaxNameBytes, " lower-case letters, digits and underscores"));
  }
  if (rule == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("reward rule \"", name, "\" is null"));
  }
  const bool is_new =
      rules_.try_emplace(std::string(name), std::move(rule)).second;
  if (!is_new) {
    return absl::AlreadyExistsError(absl::StrCat(
        "reward rule \"", name, "\" is registered twice; choose another name"));
  }
  return absl::OkStatus();
}

absl::StatusOr<const RewardRule*> RewardRegistry::Find(
    absl::string_view name) const {
  const auto it = rules_.find(std::string(name));
  if (it != rules_.end()) return it->second.get();
  // A name from the network may be megabytes; the search is quadratic.
  const std::vector<std::string> known = Names();
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown reward rule \"", Excerpt(name),
      "\"; known: ", known.empty() ? "none" : absl::StrJoin(known, ", "),
      DidYouMean(NearestNames(name.substr(0, kMaxNameBytes), known))));
}

std::vector<std::string> RewardRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, rule] : rules_) names.push_back(name);
  return names;
}

}  // namespace r1
