#include "reward/format/format_rule.h"

#include <algorithm>
#include <iterator>
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

RuleResult TagCountRule::Score(const RewardItem& item,
                               const RuleContext& /*context*/) const {
  int64_t counts[4] = {};  // by Tag
  size_t from = 0;
  while (const auto tag = NextTag(item.completion(), from)) {
    ++counts[static_cast<int>(tag->tag)];
    from = tag->end;
  }
  return RuleResult::Score(0.25 *
                           std::count(std::begin(counts), std::end(counts), 1));
}

}  // namespace r1
