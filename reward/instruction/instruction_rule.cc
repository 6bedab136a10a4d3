#include "reward/instruction/instruction_rule.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "reward/core/text.h"
#include "reward/format/tags.h"
#include "reward/instruction/constraints.h"

namespace r1 {

absl::StatusOr<InstructionRuleOptions> InstructionRuleOptions::Parse(
    const RuleOptions& options) {
  InstructionRuleOptions parsed;
  OptionReader read(options);
  read.Bool("fraction", &parsed.has_fraction);
  R1_RETURN_IF_ERROR(read.Finish());
  return parsed;
}

RuleResult InstructionRule::Score(const RewardItem& item,
                                  const RuleContext& /*context*/) const {
  const auto constraints = ConstraintsReference(item.reference());
  if (!constraints.ok()) {
    return RuleResult::Abstain(std::string(constraints.status().message()));
  }
  const ExtractedAnswer answer = ExtractAnswer(item.completion());
  if (!answer.text.has_value()) return RuleResult::Score(0, answer.problem);
  const AnswerWords words = ReadWords(*answer.text);
  std::vector<std::string> broken;
  for (const Constraint& constraint : *constraints) {
    if (!constraint.holds(words)) broken.push_back(constraint.name);
  }
  if (broken.empty()) return RuleResult::Score(1);
  const double kept = constraints->size() - broken.size();
  return RuleResult::Score(
      options_.has_fraction ? kept / constraints->size() : 0,
      absl::StrCat("answered \"", Excerpt(*answer.text), "\", which breaks ",
                   absl::StrJoin(broken, ", ")));
}

}  // namespace r1
