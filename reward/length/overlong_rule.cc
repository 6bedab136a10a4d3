#include "reward/length/overlong_rule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace r1 {

RuleResult OverlongRule::Score(const RewardItem& item,
                               const RuleContext& context) const {
  const double length = item.completion_tokens();
  const double max_length = context.max_new_tokens;
  const double buffer = context.overlong_buffer;
  if (max_length <= 0 || buffer <= 0 || length < 0) {
    return RuleResult::Abstain(absl::StrCat(
        "overlong needs max_new_tokens and overlong_buffer above 0 and "
        "completion_tokens of 0 or more, got ",
        context.max_new_tokens, ", ", context.overlong_buffer, ", ",
        item.completion_tokens()));
  }
  const double penalty = (max_length - buffer - length) / buffer;
  return RuleResult::Score(std::clamp(penalty, -1.0, 0.0));
}

}  // namespace r1
