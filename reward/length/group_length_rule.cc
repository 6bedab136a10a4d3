#include "reward/length/group_length_rule.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/status_macros.h"

namespace r1 {

absl::StatusOr<GroupLengthOptions> GroupLengthOptions::Parse(
    const RuleOptions& options) {
  GroupLengthOptions parsed;
  OptionReader read(options);
  read.Text("answer", &parsed.answer);
  R1_RETURN_IF_ERROR(read.Finish());
  if (parsed.answer.empty()) {
    return absl::InvalidArgumentError(
        "option \"answer\": expected the rule that says which samples are "
        "right, e.g. \"countdown\", got \"\"");
  }
  return parsed;
}

std::vector<RuleResult> GroupLengthRule::ScoreGroup(
    absl::Span<const GroupMember> members,
    const RuleContext& /*context*/) const {
  const auto length = [](const GroupMember& member) {
    return static_cast<double>(member.item->completion_tokens());
  };
  const auto [shortest, longest] = std::minmax_element(
      members.begin(), members.end(),
      [&](const auto& a, const auto& b) { return length(a) < length(b); });
  const double low = length(*shortest), high = length(*longest);
  std::vector<RuleResult> results;
  for (const GroupMember& member : members) {
    double score = high > low ? 0.5 - (length(member) - low) / (high - low) : 0;
    if (member.needed != 1) score = std::min(score, 0.0);
    results.push_back(RuleResult::Score(score));
  }
  return results;
}

}  // namespace r1
