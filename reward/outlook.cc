#include "reward/outlook.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/answer/number.h"
#include "reward/code/code_reference.h"
#include "reward/core/reference.h"
#include "reward/core/text.h"
#include "reward/instruction/constraints.h"
#include "reward/math/options.h"
#include "reward/math/verify.h"
#include "reward/refusal/refusal_rule.h"

namespace r1 {
namespace {

// Longer texts are not answered word for word.
constexpr size_t kMaxTextGold = 300;

constexpr absl::string_view kPlaceholders[] = {
    "n/a", "na",        "nan",           "none",        "null",
    "nil", "tbd",       "todo",          "unknown",     "-",
    "--",  "?",         "...",           "undefined",   "[]",
    "{}",  "no answer", "not available", "see solution"};

constexpr absl::string_view kSentences[] = {
    "answer is", "answer:", "answers are", "solution is", "result is"};

Outlook Unusable(const absl::Status& status) {
  return Outlook::Hopeless(std::string(status.message()));
}

std::string Quoted(absl::string_view gold) {
  return absl::StrCat("the gold \"", Excerpt(gold), "\"");
}

// Of any gold that is to be answered.
Outlook CheckGold(absl::string_view gold) {
  if (absl::StrContains(gold, "####")) {
    return Outlook::Hopeless(absl::StrCat(
        Quoted(gold),
        " is a worked solution; its answer is read by task.answer_form: "
        "AFTER_HASHES"));
  }
  if (std::find(std::begin(kPlaceholders), std::end(kPlaceholders),
                absl::AsciiStrToLower(gold)) != std::end(kPlaceholders)) {
    return Outlook::Hopeless(absl::StrCat(
        Quoted(gold), " stands for no answer: leave such rows out"));
  }
  return {};
}

// Of a gold that answers are compared with as number or text.
Outlook CheckTextGold(absl::string_view gold) {
  if (CanonicalNumber(gold).has_value()) return {};
  if (absl::StrContains(gold, "\\boxed")) {
    return Outlook::Hopeless(absl::StrCat(
        Quoted(gold),
        " has its answer in a box, which task.answer_form: BOXED reads"));
  }
  if (gold.size() > kMaxTextGold) {
    return Outlook::Hopeless(absl::StrCat(
        Quoted(gold), " has ", gold.size(),
        " bytes, which an answer must repeat word for word: name the field "
        "with the short answer by task.answer_field, or take another rule"));
  }
  const std::string lower = absl::AsciiStrToLower(gold);
  for (const absl::string_view sentence : kSentences) {
    if (!absl::StrContains(lower, sentence)) continue;
    return Outlook::Hopeless(
        absl::StrCat(Quoted(gold),
                     " is a sentence about the answer: give the answer alone, "
                     "or take the rule math"));
  }
  const bool has_digit =
      std::any_of(gold.begin(), gold.end(), absl::ascii_isdigit);
  if (has_digit || gold.find_first_of("$\\\n") != gold.npos) {
    return Outlook::Doubtful(absl::StrCat(
        Quoted(gold),
        " is compared as text, letter by letter; the rule math reads numbers "
        "with units, LaTeX and choices"));
  }
  return {};
}

Outlook CheckMathGold(absl::string_view gold, const RuleOptions& options) {
  const auto parsed = MathOptions::Parse(options);
  if (!parsed.ok()) return {};
  // Any answer shows whether the gold can be read.
  const MathResult result = VerifyMath("\\boxed{1}", gold, *parsed);
  if (result.verdict != MathVerdict::kAbstain) return {};
  return Outlook::Hopeless(result.reason);
}

}  // namespace

Outlook CheckReference(absl::string_view rule, const RuleOptions& options,
                       absl::string_view reference) {
  if (rule == "countdown") {
    const auto problem = CountdownReference(reference);
    return problem.ok() ? Outlook() : Unusable(problem.status());
  }
  if (rule == "code") {
    const auto tests = ParseCodeReference(reference, RunLimits());
    return tests.ok() ? Outlook() : Unusable(tests.status());
  }
  if (rule == "instruction") {
    const auto constraints = ConstraintsReference(reference);
    return constraints.ok() ? Outlook() : Unusable(constraints.status());
  }
  if (rule == "refusal") {
    const auto refusal = ParseRefusalReference(reference);
    return refusal.ok() ? Outlook() : Unusable(refusal.status());
  }
  if (rule != "exact_answer" && rule != "math") return {};
  const auto gold = AnswerReference(reference);
  if (!gold.ok()) return Unusable(gold.status());
  Outlook outlook = CheckGold(*gold);
  if (outlook.grade != Outlook::kGood) return outlook;
  return rule == "math" ? CheckMathGold(*gold, options) : CheckTextGold(*gold);
}

}  // namespace r1
