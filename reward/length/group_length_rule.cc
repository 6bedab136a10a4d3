#include "reward/length/group_length_rule.h"

#include <algorithm>
#include <cstddef>

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

std::vector<RuleResult> GroupLengthRule::Judge(
    absl::Span<const RewardItem* const> items,
    const RuleContext& context) const {
  const auto [shortest, longest] = std::minmax_element(
      items.begin(), items.end(), [](const auto* a, const auto* b) {
        return a->completion_tokens() < b->completion_tokens();
      });
  const double low = (*shortest)->completion_tokens();
  const double high = (*longest)->completion_tokens();
  std::vector<RuleResult> results;
  for (size_t i = 0; i < items.size(); ++i) {
    const double length = items[i]->completion_tokens();
    double score = high > low ? 0.5 - (length - low) / (high - low) : 0;
    if (context.needed[i] != 1) score = std::min(score, 0.0);
    results.push_back(RuleResult::Score(score));
  }
  return results;
}

}  // namespace r1
