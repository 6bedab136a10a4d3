#include "reward/math/math_rule.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "reward/core/reference.h"
#include "reward/math/verify.h"

namespace r1 {

RuleResult MathRule::Score(const RewardItem& item,
                           const RuleContext& /*context*/) const {
  const auto reference = AnswerReference(item.reference());
  if (!reference.ok()) {
    return RuleResult::Abstain(std::string(reference.status().message()));
  }
  // A prompt that opens the reasoning leaves it to the completion to close it.
  std::string completion = item.completion();
  if (absl::EndsWith(absl::StripTrailingAsciiWhitespace(item.prompt()),
                     "<think>")) {
    completion.insert(0, "<think>");
  }
  const MathResult result = VerifyMath(completion, *reference, options_);
  switch (result.verdict) {
    case MathVerdict::kCorrect:
      return RuleResult::Score(1);
    case MathVerdict::kIncorrect:
      return RuleResult::Score(0, result.reason);
    case MathVerdict::kAbstain:
      return RuleResult::Abstain(result.reason);
    case MathVerdict::kError:
      break;
  }
  return RuleResult::Error(result.reason);
}

}  // namespace r1
