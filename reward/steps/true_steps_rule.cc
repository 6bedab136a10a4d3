#include "reward/steps/true_steps_rule.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "reward/format/tags.h"
#include "reward/steps/steps.h"

namespace r1 {

absl::StatusOr<TrueStepsOptions> TrueStepsOptions::Parse(
    const RuleOptions& options) {
  int part = 0;
  OptionReader read(options);
  read.Choice("part", {"reasoning", "whole"}, &part);
  R1_RETURN_IF_ERROR(read.Finish());
  return TrueStepsOptions{part == 1};
}

RuleResult TrueStepsRule::Score(const RewardItem& item,
                                const RuleContext& /*context*/) const {
  const absl::string_view text =
      options_.is_whole ? absl::string_view(item.completion())
                        : SplitReasoning(item.completion()).reasoning;
  const StepCount steps = CountSteps(text);
  if (steps.all == 0) return RuleResult::NotApplicable("no sum is stated");
  std::string detail =
      absl::StrCat(steps.right, " of ", steps.all, " sums are right");
  if (steps.right < steps.all) {
    absl::StrAppend(&detail, "; wrong: ", steps.first_wrong);
  }
  RuleResult result = RuleResult::Score(
      static_cast<double>(steps.right) / steps.all, std::move(detail));
  result.metrics["statements"] = steps.all;
  return result;
}

}  // namespace r1
