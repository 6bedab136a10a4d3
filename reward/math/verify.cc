#include "reward/math/verify.h"

#include <flint/flint.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "reward/math/answer_line.h"
#include "reward/math/budget.h"
#include "reward/math/compare.h"
#include "reward/math/extract.h"
#include "reward/math/parse.h"
#include "reward/math/rational_value.h"
#include "reward/math/units.h"
#include "reward/text.h"

namespace r1 {
namespace math {
namespace {

// FLINT and Arb keep caches for each thread.
struct ThreadCaches {
  ~ThreadCaches() { flint_cleanup(); }
};

absl::string_view Trimmed(absl::string_view text) {
  text = text.substr(0, text.find("<|"));  // special tokens
  text = absl::StripAsciiWhitespace(text);
  // Markdown's bold.
  if (text.size() > 4 && absl::StartsWith(text, "**") &&
      absl::EndsWith(text, "**")) {
    text = absl::StripAsciiWhitespace(text.substr(2, text.size() - 4));
  }
  return text;
}

// 1,50 or 0,111: a comma that can be a decimal one, and no thousands mark.
bool MayHaveDecimalComma(absl::string_view text) {
  const size_t comma = text.find(',');
  if (comma == absl::string_view::npos || comma == 0 ||
      text.find(',', comma + 1) != absl::string_view::npos ||
      absl::StrContains(text, "{,}") || !absl::ascii_isdigit(text[comma - 1])) {
    return false;
  }
  size_t before = comma;
  while (before > 0 && absl::ascii_isdigit(text[before - 1])) --before;
  size_t after = comma + 1;
  while (after < text.size() && absl::ascii_isdigit(text[after])) ++after;
  const size_t num_before = comma - before;
  const size_t num_after = after - comma - 1;
  const bool is_thousands =
      num_after == 3 && num_before <= 3 && text[before] != '0';
  return num_after >= 2 && !is_thousands;
}

bool HasDecimalPoint(const Node& node) {
  return AnyNode(node, [](const Node& part) {
    return part.kind == Kind::kNumber && part.decimals >= 0;
  });
}

// How an answer is read.
struct Reading {
  LexOptions lex;
  BoxPolicy boxes = BoxPolicy::kLast;
  bool allow_sentences = true;
};

absl::StatusOr<NodePtr> Read(absl::string_view source, const Reading& reading) {
  const LexOptions& options = reading.lex;
  absl::string_view text = Trimmed(source);
  if (text.empty()) return absl::InvalidArgumentError("it is blank");
  std::string box;
  if (absl::StrContains(text, "boxed") || absl::StrContains(text, "fbox")) {
    MathAnswer content = LastBox(text, reading.boxes);
    if (content.text.has_value()) {
      box = *std::move(content.text);
      text = box;
    } else if (absl::StrContains(content.problem, "closed")) {
      return absl::InvalidArgumentError(content.problem);
    }
  }
  auto formula = ParseFormula(text, options);
  if (formula.ok()) return formula;
  if (reading.allow_sentences) {
    const auto line = AnswerLine(text);
    if (line.has_value()) {
      const auto announced = ParseFormula(*line, options);
      if (announced.ok()) return announced;
    }
    for (const std::string& part : SentenceAnswers(line.value_or(text))) {
      const auto answer = ParseFormula(part, options);
      if (answer.ok() && (*answer)->kind != Kind::kText) return answer;
    }
  }
  if (text.size() <= kMaxAnswerBytes && IsTextLike(text)) {
    return MakeNode(Kind::kText, {}, TextForm(text, /*keep_case=*/true));
  }
  return formula.status();
}

Reading ToReading(const MathOptions& options, bool allow_sentences) {
  Reading reading;
  reading.lex.decimal_comma = options.decimal_comma == CommaPolicy::kComma;
  reading.boxes = options.boxes;
  reading.allow_sentences = allow_sentences;
  return reading;
}

// A box or a mark holds the answer alone; elsewhere a sentence may.
bool AllowsSentences(MathMode mode) {
  return mode == MathMode::kWhole || mode == MathMode::kTag ||
         mode == MathMode::kLine;
}

// Compares after plus-minus signs and sums of matrices are written out.
Equality CompareTrees(const NodePtr& gold, const NodePtr& answer,
                      const MathOptions& options, Budget* budget) {
  return Comparator(options, budget).Compare(*Expand(gold), *Expand(answer));
}

// The other reading of a comma, where the other side has a decimal point.
bool EqualByDecimalComma(absl::string_view gold_text, const NodePtr& gold,
                         absl::string_view answer_text,
                         const absl::StatusOr<NodePtr>& answer,
                         const MathOptions& options, Budget* budget) {
  if (options.decimal_comma != CommaPolicy::kAuto) return false;
  Reading comma = ToReading(options, /*allow_sentences=*/true);
  comma.lex.decimal_comma = true;
  if (MayHaveDecimalComma(gold_text) && answer.ok() &&
      HasDecimalPoint(**answer)) {
    const auto other = Read(gold_text, comma);
    return other.ok() &&
           CompareTrees(*other, *answer, options, budget) == Equality::kEqual;
  }
  if (MayHaveDecimalComma(answer_text) && HasDecimalPoint(*gold)) {
    comma.allow_sentences = AllowsSentences(options.mode);
    const auto other = Read(answer_text, comma);
    return other.ok() &&
           CompareTrees(gold, *other, options, budget) == Equality::kEqual;
  }
  return false;
}

// 5 m, where the gold is in metres and the m no variable.
bool EqualByUnitLetters(const NodePtr& gold, absl::string_view answer_text,
                        const MathOptions& options, Budget* budget) {
  if (gold->kind != Kind::kQuantity || CanonicalUnit(gold->name).empty()) {
    return false;
  }
  Reading reading = ToReading(options, AllowsSentences(options.mode));
  reading.lex.unit_letters = true;
  const auto answer = Read(answer_text, reading);
  return answer.ok() && (*answer)->kind == Kind::kQuantity &&
         CompareTrees(gold, *answer, options, budget) == Equality::kEqual;
}

MathResult Judge(absl::string_view gold_text, absl::string_view answer_text,
                 const MathOptions& options, MathResult result) {
  static thread_local ThreadCaches caches;
  (void)caches;
  const auto gold = ReadAnswer(gold_text, options);
  Budget budget;
  if (!gold.ok() || DividesByZero(**gold, &budget)) {
    result.verdict = MathVerdict::kAbstain;
    result.reason = absl::StrCat(
        "unusable gold \"", Excerpt(gold_text),
        "\": ", gold.ok() ? "it divides by zero" : gold.status().message());
    return result;
  }
  result.gold = Render(**gold);
  result.verdict = MathVerdict::kIncorrect;
  const auto answer =
      ReadAnswer(answer_text, options, AllowsSentences(options.mode));
  if (answer.ok()) {
    result.answer = Render(**answer);
    if (DividesByZero(**answer, &budget)) {
      result.reason = "the answer divides by zero";
      return result;
    }
  }
  Equality equal = Equality::kDifferent;
  if (answer.ok()) {
    equal = CompareTrees(*gold, *answer, options, &budget);
  } else {
    result.reason =
        absl::StrCat("the answer \"", Excerpt(answer_text),
                     "\" is no formula: ", answer.status().message());
  }
  const bool same_words =
      (*gold)->kind == Kind::kText &&
      TextForm(Trimmed(gold_text), options.text_case_matters) ==
          TextForm(Trimmed(answer_text), options.text_case_matters);
  if (equal == Equality::kEqual || same_words ||
      EqualByDecimalComma(gold_text, *gold, answer_text, answer, options,
                          &budget) ||
      EqualByUnitLetters(*gold, answer_text, options, &budget)) {
    result.verdict = MathVerdict::kCorrect;
    result.reason = "";
  } else if (equal == Equality::kUnknown) {
    result.reason = budget.IsSpent() ? "not shown to be equal within the budget"
                                     : "not shown to be equal";
  } else if (result.reason.empty()) {
    result.reason =
        absl::StrCat("answered ", Excerpt(result.answer), ", expected ",
                     KindName((*gold)->kind), " ", Excerpt(result.gold));
  }
  return result;
}

MathResult JudgeChoice(absl::string_view gold_text,
                       absl::string_view answer_text, MathResult result) {
  const auto gold = ChoiceLetter(gold_text);
  if (!gold.has_value()) {
    result.verdict = MathVerdict::kAbstain;
    result.reason = absl::StrCat("unusable gold \"", Excerpt(gold_text),
                                 "\": expected one letter, A to J");
    return result;
  }
  result.gold = *gold;
  const auto answer = ChoiceLetter(answer_text);
  result.verdict =
      answer == gold ? MathVerdict::kCorrect : MathVerdict::kIncorrect;
  if (!answer.has_value()) {
    result.reason = absl::StrCat("\"", Excerpt(answer_text),
                                 "\" is not one letter, A to J");
    return result;
  }
  result.answer = *answer;
  if (answer != gold) {
    result.reason = absl::StrCat("chose ", *answer, ", expected ", *gold);
  }
  return result;
}

}  // namespace

absl::StatusOr<NodePtr> ReadAnswer(absl::string_view text,
                                   const MathOptions& options,
                                   bool allow_sentences) {
  return Read(text, ToReading(options, allow_sentences));
}

absl::StatusOr<std::string> CanonicalForm(absl::string_view text,
                                          const MathOptions& options) {
  R1_ASSIGN_OR_RETURN(const NodePtr node, ReadAnswer(text, options));
  return Render(*node);
}

}  // namespace math

MathResult VerifyMath(absl::string_view completion, absl::string_view gold,
                      const MathOptions& options) {
  MathResult result;
  MathAnswer answer = ExtractMathAnswer(completion, options);
  if (!answer.text.has_value()) {
    // An unusable gold gives no reward, whatever the completion.
    result = options.mode == MathMode::kChoice
                 ? math::JudgeChoice(gold, "", result)
                 : math::Judge(gold, "", options, result);
    if (result.verdict != MathVerdict::kAbstain) {
      result.verdict = MathVerdict::kIncorrect;
      result.reason = answer.problem;
    }
    return result;
  }
  if (options.mode == MathMode::kChoice) {
    return math::JudgeChoice(gold, *answer.text, result);
  }
  return math::Judge(gold, *answer.text, options, result);
}

}  // namespace r1
