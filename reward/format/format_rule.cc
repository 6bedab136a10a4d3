#include "reward/format/format_rule.h"

#include <string>
#include <utility>

#include "reward/format/tags.h"

namespace r1 {

RuleResult FormatRule::Score(const RewardItem& item,
                             const RuleContext& /*context*/) const {
  std::string problem = StrictFormatProblem(item.completion());
  const double value = problem.empty() ? 1 : 0;
  return RuleResult::Score(value, std::move(problem));
}

RuleResult FormatLenientRule::Score(const RewardItem& item,
                                    const RuleContext& /*context*/) const {
  return RuleResult::Score(HasTagsInOrder(item.completion()) ? 1 : 0);
}

}  // namespace r1
