#include "rollout/tasks/shares.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace r1 {

bool Chance(double probability, RandomSequence* random) {
  return random->NextUniform() < probability;
}

size_t DrawShare(std::initializer_list<double> shares, RandomSequence* random) {
  // Added up in the same order twice, so that the last share ends at the sum.
  double sum = 0, end = 0;
  for (const double share : shares) sum += share;
  const double place = random->NextUniform() * sum;
  size_t position = 0;
  for (const double share : shares) {
    end += share;
    if (place < end) return position;
    ++position;
  }
  R1_CHECK(false, "the shares have a sum above 0");
  return 0;
}

absl::Status CheckChances(NamedShares chances) {
  for (const auto& [name, chance] : chances) {
    if (chance >= 0 && chance <= 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": expected a share from 0 to 1, got ", chance));
  }
  return absl::OkStatus();
}

absl::Status CheckShares(NamedShares shares) {
  R1_RETURN_IF_ERROR(CheckChances(shares));
  const auto is_used = [](const auto& share) { return share.second > 0; };
  if (std::any_of(shares.begin(), shares.end(), is_used)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "expected a share above 0 of one at least of ",
      absl::StrJoin(shares, ", ", [](std::string* out, const auto& share) {
        absl::StrAppend(out, share.first);
      })));
}

}  // namespace r1
