#include "reward/answer/answer_rule.h"

#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward/answer/number.h"
#include "reward/core/reference.h"
#include "reward/core/text.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

// Runs of white space as one space, none at the ends.
std::string CollapseWhitespace(absl::string_view text) {
  std::string collapsed(text);
  absl::RemoveExtraAsciiWhitespace(&collapsed);
  return collapsed;
}

}  // namespace

bool AnswersEqual(absl::string_view answer, absl::string_view reference) {
  const auto expected = CanonicalNumber(reference);
  if (expected.has_value()) {
    const auto got = CanonicalNumber(answer);
    if (got.has_value()) return *got == *expected;
  }
  return CollapseWhitespace(answer) == CollapseWhitespace(reference);
}

RuleResult ExactAnswerRule::Score(const RewardItem& item,
                                  const RuleContext& /*context*/) const {
  const auto reference = AnswerReference(item.reference());
  if (!reference.ok()) {
    return RuleResult::Abstain(std::string(reference.status().message()));
  }
  const ExtractedAnswer answer = ExtractAnswer(item.completion());
  if (!answer.text.has_value()) return RuleResult::Score(0, answer.problem);
  if (AnswersEqual(*answer.text, *reference)) return RuleResult::Score(1);
  return RuleResult::Score(
      0, absl::StrCat("answered \"", Excerpt(*answer.text), "\", expected \"",
                      Excerpt(*reference), "\""));
}

RuleResult ExactAnswerLenientRule::Score(const RewardItem& item,
                                         const RuleContext& /*context*/) const {
  const auto reference = AnswerReference(item.reference());
  if (!reference.ok()) {
    return RuleResult::Abstain(std::string(reference.status().message()));
  }
  const auto tagged = LastAnswer(item.completion());
  if (tagged.has_value() && AnswersEqual(*tagged, *reference)) {
    return RuleResult::Score(1);
  }
  const auto expected = CanonicalNumber(*reference);
  if (!expected.has_value()) return RuleResult::Score(0);
  const absl::string_view where =
      tagged.has_value() ? *tagged : absl::string_view(item.completion());
  return RuleResult::Score(CanonicalNumber(LastNumber(where)) == expected ? 1
                                                                          : 0);
}

}  // namespace r1
