// "format", "format_lenient", "tag_count": is the completion laid out as asked
// for?
// Source: DeepSeek-R1 (arXiv 2501.12948 v2), section 2.2 (format reward).
#ifndef R1_REWARD_FORMAT_FORMAT_RULE_H_
#define R1_REWARD_FORMAT_FORMAT_RULE_H_

#include "reward/core/rule.h"

namespace r1 {

// 1 if the completion is exactly
//   <think>...</think> <answer>...</answer>
// else 0: each tag once and in this order, ASCII white space alone outside the
// blocks, a non-empty answer (the reasoning may be empty). The completion must
// hold all four tags itself, so a prompt must not open <think>. Tags are
// matched byte for byte; whether the completion was truncated does not matter.
// Needs no reference. Range: {0, 1}.
class FormatRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

// 1 if the four tags occur in order, whatever stands between, before or after
// them, else 0. A metric: many forgeries pass it. Range: {0, 1}.
class FormatLenientRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
};

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

#endif  // R1_REWARD_FORMAT_FORMAT_RULE_H_
