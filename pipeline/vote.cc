#include "pipeline/vote.h"

#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_replace.h"
#include "reward/answer/number.h"
#include "reward/format/tags.h"
#include "reward/math/extract.h"
#include "reward/math/verify.h"
#include "reward/options.h"
#include "reward/reference.h"

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

// A class of answers that the verifier holds equal, by its first sample.
struct MathClass {
  absl::string_view completion;
  std::string text;  // the answer as it was written
  std::string form;  // and in canonical form
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

// By sample, the canonical form of the first answer that equals its own.
std::vector<std::optional<std::string>> MathAnswers(
    const std::string& gold, absl::Span<const absl::string_view> completions,
    const MathOptions& options) {
  std::vector<std::optional<std::string>> answers(completions.size());
  std::vector<MathClass> classes;
  absl::flat_hash_map<std::string, size_t> class_of_form;
  for (size_t i = 0; i < completions.size(); ++i) {
    const MathAnswer answer = ExtractMathAnswer(completions[i], options);
    if (!answer.text.has_value()) continue;
    // Where the answer is no formula, its text is its form.
    std::string form = VerifyMath(completions[i], gold, options).answer;
    if (form.empty()) form = WithoutWhiteSpace(*answer.text);
    const auto [it, is_new] = class_of_form.try_emplace(form, classes.size());
    if (is_new) {
      MathClass own{completions[i], *answer.text, std::move(form)};
      if (completions.size() <= kMaxPairwiseVotes) {
        for (size_t c = 0; c < classes.size(); ++c) {
          if (!AreEqual(own, classes[c], options)) continue;
          it->second = c;
          break;
        }
      }
      if (it->second == classes.size()) classes.push_back(std::move(own));
    }
    answers[i] = classes[it->second].form;
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
