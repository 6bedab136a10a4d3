#include "pipeline/evaluation/vote.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "reward/answer/number.h"
#include "reward/core/options.h"
#include "reward/core/reference.h"
#include "reward/format/tags.h"
#include "reward/math/extract.h"
#include "reward/math/verify.h"

namespace r1 {
namespace {

std::string WithoutWhiteSpace(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{" ", ""}, {"\t", ""}, {"\n", ""}, {"\r", ""}});
}

// A number by its value, other text without white space.
std::string CanonicalAnswer(absl::string_view answer) {
  if (const auto number = CanonicalNumber(answer)) return *number;
  return WithoutWhiteSpace(answer);
}

// Answers of one canonical form, by the first sample that gives it.
struct MathClass {
  absl::string_view completion;
  std::string text;  // the answer as it was written
  std::string form;  // and in canonical form
  int votes = 0;
};

// Whether each of the two is right where the other is the reference: which
// decimals are close enough depends on the side.
bool AreEqual(const MathClass& a, const MathClass& b,
              const MathOptions& options) {
  const auto is_right = [&](const MathClass& answer, const MathClass& gold) {
    return VerifyMath(answer.completion, gold.text, options).verdict ==
           MathVerdict::kCorrect;
  };
  return is_right(a, b) && is_right(b, a);
}

// Whether it is a number whose digits alone say which.
bool IsInteger(absl::string_view form) {
  absl::ConsumePrefix(&form, "-");
  return !form.empty() && form.size() <= 18 &&
         (form == "0" || form[0] != '0') &&
         std::all_of(form.begin(), form.end(), absl::ascii_isdigit);
}

// Joins classes of equal answers, those with the most votes first, so that what
// decides is compared before the bound is reached. Writes the form of each
// class's first member to `class_of`, by form.
void JoinEqual(std::vector<MathClass> classes, const MathOptions& options,
               absl::flat_hash_map<std::string, std::string>* class_of) {
  std::stable_sort(
      classes.begin(), classes.end(),
      [](const MathClass& a, const MathClass& b) { return a.votes > b.votes; });
  std::vector<const MathClass*> joined;
  int comparisons = 0;
  for (const MathClass& own : classes) {
    const MathClass* equal = &own;
    for (const MathClass* other : joined) {
      if (IsInteger(own.form) && IsInteger(other->form)) continue;
      if (++comparisons > kMaxVoteComparisons) break;
      if (!AreEqual(own, *other, options)) continue;
      equal = other;
      break;
    }
    if (equal == &own) joined.push_back(&own);
    (*class_of)[own.form] = equal->form;
  }
}

// By sample, a form that all answers equal to its own share.
std::vector<std::optional<std::string>> MathAnswers(
    const std::string& gold, absl::Span<const absl::string_view> completions,
    const MathOptions& options) {
  std::vector<std::optional<std::string>> answers(completions.size());
  std::vector<MathClass> classes;  // by form, in order of appearance
  absl::flat_hash_map<std::string, size_t> place;
  for (size_t i = 0; i < completions.size(); ++i) {
    const MathAnswer answer = ExtractMathAnswer(completions[i], options);
    if (!answer.text.has_value()) continue;
    // Where the answer is no formula, its text is its form.
    std::string form = VerifyMath(completions[i], gold, options).answer;
    if (form.empty()) form = WithoutWhiteSpace(*answer.text);
    const auto [it, is_new] = place.try_emplace(form, classes.size());
    if (is_new) classes.push_back({completions[i], *answer.text, form});
    ++classes[it->second].votes;
    answers[i] = std::move(form);
  }
  absl::flat_hash_map<std::string, std::string> class_of;
  JoinEqual(std::move(classes), options, &class_of);
  for (std::optional<std::string>& answer : answers) {
    if (answer.has_value()) answer = class_of.at(*answer);
  }
  return answers;
}

}  // namespace

Voting::Voting(const RewardRuleSpec& rule) {
  if (rule.name() != "math") return;
  RuleOptions options(rule.option().begin(), rule.option().end());
  for (const std::string& name : CompositionOptions()) options.erase(name);
  // A server elsewhere may call a rule of its own so.
  const auto parsed = MathOptions::Parse(options);
  if (parsed.ok()) math_ = *parsed;
}

std::vector<Answers> Voting::AnswersOf(
    const std::string& reference,
    absl::Span<const absl::string_view> completions) const {
  std::vector<Answers> answers(completions.size());
  for (size_t i = 0; i < completions.size(); ++i) {
    if (const auto answer = ExtractAnswer(completions[i]).text) {
      answers[i].strict = CanonicalAnswer(*answer);
    }
    if (const auto answer = LastAnswer(completions[i])) {
      answers[i].lenient = CanonicalAnswer(*answer);
    }
  }
  const auto gold = AnswerReference(reference);
  if (!math_.has_value() || !gold.ok()) return answers;
  const auto math = MathAnswers(*gold, completions, *math_);
  for (size_t i = 0; i < completions.size(); ++i) {
    answers[i].strict = math[i];
    if (math[i].has_value()) answers[i].lenient = math[i];
  }
  return answers;
}

}  // namespace r1
