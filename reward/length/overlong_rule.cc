#include "reward/length/overlong_rule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {

absl::StatusOr<OverlongOptions> OverlongOptions::Parse(
    const RuleOptions& options) {
  OverlongOptions parsed;
  OptionReader read(options);
  read.Int("buffer", 1, 1 << 30, &parsed.buffer);
  R1_RETURN_IF_ERROR(read.Finish());
  return parsed;
}

RuleResult OverlongRule::Score(const RewardItem& item,
                               const RuleContext& context) const {
  const double length = item.completion_tokens();
  const double max_length = context.max_new_tokens;
  const double buffer = options_.buffer;
  if (max_length <= 0 || length < 0) {
    return RuleResult::Abstain(absl::StrCat(
        "overlong needs max_new_tokens above 0 and completion_tokens of 0 or "
        "more, got ",
        context.max_new_tokens, ", ", item.completion_tokens()));
  }
  const double penalty = (max_length - buffer - length) / buffer;
  return RuleResult::Score(std::clamp(penalty, -1.0, 0.0));
}

}  // namespace r1
