// "tag_count": partial credit for the tags of the format.
#ifndef R1_REWARD_FORMAT_TAG_COUNT_RULE_H_
#define R1_REWARD_FORMAT_TAG_COUNT_RULE_H_

#include "reward/core/rule.h"

namespace r1 {

// A quarter for each of <think>, </think>, <answer>, </answer> that occurs
// exactly once, in whatever order. Helps a model that knows no tag to find
// "format". Needs no reference. Range: [0, 1].
// Source: huggingface/open-r1, which also wants a line of its own for each.
class TagCountRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

}  // namespace r1

#endif  // R1_REWARD_FORMAT_TAG_COUNT_RULE_H_
