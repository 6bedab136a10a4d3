#include "reward/format/tag_count_rule.h"

#include <algorithm>
#include <iterator>

#include "reward/format/tags.h"

namespace r1 {

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
