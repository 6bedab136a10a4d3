#ifndef R1_TESTS_REWARD_EXAMPLE_RULE_H_
#define R1_TESTS_REWARD_EXAMPLE_RULE_H_

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/core/reference.h"
#include "reward/core/rule.h"
#include "reward/format/tags.h"

namespace r1 {

// "mentions": 1 if the answer contains the reference {"answer": "..."} as
// text, else 0. Range: {0, 1}.
class MentionsRule : public ItemRule {
 public:
  RuleResult Score(const RewardItem& item,
                   const RuleContext& /*context*/) const override {
    const auto reference = AnswerReference(item.reference());
    if (!reference.ok()) {  // not the model's fault: no score at all
      return RuleResult::Abstain(std::string(reference.status().message()));
    }
    const ExtractedAnswer answer = ExtractAnswer(item.completion());
    if (!answer.text.has_value()) return RuleResult::Score(0, answer.problem);
    if (absl::StrContains(*answer.text, *reference)) {
      return RuleResult::Score(1);
    }
    return RuleResult::Score(0, absl::StrCat(*reference, " is not mentioned"));
  }
};

}  // namespace r1

#endif  // R1_TESTS_REWARD_EXAMPLE_RULE_H_
