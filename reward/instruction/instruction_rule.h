// "instruction": does the answer keep the constraints of the reference?
#ifndef R1_REWARD_INSTRUCTION_INSTRUCTION_RULE_H_
#define R1_REWARD_INSTRUCTION_INSTRUCTION_RULE_H_

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

struct InstructionRuleOptions {
  // "fraction": the share of the constraints that hold, in place of 1 for all
  // and 0 else.
  bool has_fraction = false;

  static absl::StatusOr<InstructionRuleOptions> Parse(
      const RuleOptions& options);
};

// 1 if the one answer tag after the reasoning (format/tags.h, ExtractAnswer)
// holds a text that keeps all constraints (constraints.h), else 0; no answer
// is 0. Abstains when the reference is unusable. Range: [0, 1].
// Source: IFEval (arXiv 2311.07911), strict accuracy by prompt, and with
// `fraction` by instruction.
class InstructionRule : public ItemRule {
 public:
  explicit InstructionRule(const InstructionRuleOptions& options)
      : options_(options) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;

 private:
  const InstructionRuleOptions options_;
};

}  // namespace r1

#endif  // R1_REWARD_INSTRUCTION_INSTRUCTION_RULE_H_
