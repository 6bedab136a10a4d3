#include "reward/math/verify.h"

#include <flint/flint.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "reward/core/text.h"
#include "reward/math/answer_line.h"
#include "reward/math/budget.h"
#include "reward/math/chemistry.h"
#include "reward/math/chinese.h"
#include "reward/math/choice.h"
#include "reward/math/compare.h"
#include "reward/math/enclosure.h"
#include "reward/math/extract.h"
#include "reward/math/mended_text.h"
#include "reward/math/parse.h"
#include "reward/math/rational_value.h"
#include "reward/math/remarks.h"
#include "reward/math/statements.h"
#include "reward/math/units.h"

namespace r1 {
namespace math {
namespace {

// FLINT and Arb keep caches for each thread.
struct ThreadCaches {
  ~ThreadCaches() { flint_cleanup(); }
};

// Without Markdown's marks: **5**, `5`, *5*.
std::string Trimmed(absl::string_view source) {
  const std::string mended = MendedText(source, TextRole::kAnswer);
  source = absl::StripAsciiWhitespace(mended);
  std::string text;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '`') continue;
    if (!absl::StartsWith(source.substr(i), "**")) {
      text.push_back(source[i]);
      continue;
    }
    // 2**3 and 2 ** 3 are powers; bold marks stand at one end of a word.
    const char before = i == 0 ? ' ' : source[i - 1];
    const char after = i + 2 < source.size() ? source[i + 2] : ' ';
    const bool joins = absl::ascii_isspace(before)
                           ? absl::ascii_isspace(after) && i > 0
                           : (absl::ascii_isalnum(before) ||
                              absl::StrContains(")}]", before)) &&
                                 (absl::ascii_isalnum(after) ||
                                  absl::StrContains("({-\\", after));
    if (joins) text += "**";
    ++i;
  }
  absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  for (const absl::string_view mark : {"*", "__"}) {
    if (trimmed.size() > 2 * mark.size() && absl::StartsWith(trimmed, mark) &&
        absl::EndsWith(trimmed, mark)) {
      trimmed = trimmed.substr(mark.size(), trimmed.size() - 2 * mark.size());
    }
  }
  trimmed = absl::StripAsciiWhitespace(trimmed);
  return PrintedList(trimmed).value_or(std::string(trimmed));
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
  const std::string trimmed = Trimmed(source);
  absl::string_view text = trimmed;
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
  if (reading.allow_sentences) text = WithoutOpener(text);
  const std::string bare = WithoutRemarks(text);
  // The "and" of "one hundred and five" makes no list.
  const std::string words = TextForm(bare);
  if (absl::StrContains(words, " and ") && NumberInWords(words).has_value()) {
    return MakeNode(Kind::kText, {}, words);
  }
  auto formula = ParseFormula(bare, options);
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

bool HasKnownUnit(const Node& node) {
  return node.kind == Kind::kQuantity && !CanonicalUnit(node.name).empty();
}

// `text` with the letters behind its number as a unit; null where that is no
// number with a unit, with or without a name.
NodePtr ReadQuantity(absl::string_view text, UnitLetters letters,
                     bool allow_sentences, const MathOptions& options) {
  Reading reading = ToReading(options, allow_sentences);
  reading.lex.unit_letters = letters;
  const auto node = Read(text, reading);
  if (!node.ok()) return nullptr;
  // Also v = 5 m/s.
  const Assignment assignment = AsAssignment(**node);
  const Node& quantity =
      assignment.value == nullptr ? **node : *assignment.value;
  return HasKnownUnit(quantity) && !HasVariable(*quantity.args[0]) ? *node
                                                                   : nullptr;
}

// 5 m, where the m is no variable: because the other side says metres, or
// because it stands apart from a number.
bool EqualByUnitLetters(absl::string_view gold_text, const NodePtr& gold,
                        absl::string_view answer_text,
                        const absl::StatusOr<NodePtr>& answer,
                        const MathOptions& options, Budget* budget) {
  const auto are_equal = [&](const NodePtr& a, const NodePtr& b) {
    return a != nullptr && b != nullptr &&
           CompareTrees(a, b, options, budget) == Equality::kEqual;
  };
  const bool allow_sentences = AllowsSentences(options.mode);
  const auto letters_for = [](bool other_has_unit) {
    return other_has_unit ? UnitLetters::kAll : UnitLetters::kSpaced;
  };
  // Beside a bare number, m and N can be variables.
  const auto is_plain_unit = [](const NodePtr& quantity) {
    return quantity != nullptr && quantity->kind == Kind::kQuantity &&
           (quantity->name.size() > 1 || quantity->name == "J" ||
            quantity->name == "W");
  };
  const NodePtr plain = answer.ok() ? *answer : nullptr;
  NodePtr mine = HasKnownUnit(*gold) ? gold : nullptr;
  NodePtr theirs = plain != nullptr && HasKnownUnit(*plain) ? plain : nullptr;
  if (mine == nullptr) {
    mine = ReadQuantity(gold_text, letters_for(theirs != nullptr),
                        /*allow_sentences=*/true, options);
    if (is_plain_unit(mine) && are_equal(mine, plain)) return true;
  }
  if (theirs == nullptr) {
    theirs = ReadQuantity(answer_text, letters_for(mine != nullptr),
                          allow_sentences, options);
    if (is_plain_unit(theirs) && are_equal(gold, theirs)) return true;
  }
  return are_equal(mine, theirs);
}

// 42 for "(C) 42" and the other way round: a choice is also its text.
bool EqualByChoice(absl::string_view gold_text, const NodePtr& gold,
                   absl::string_view answer_text,
                   const absl::StatusOr<NodePtr>& answer,
                   const MathOptions& options, Budget* budget) {
  const auto mine = FindChoice(gold_text);
  const auto theirs = FindChoice(answer_text);
  const Reading reading = ToReading(options, /*allow_sentences=*/false);
  if (mine.has_value() && !mine->text.empty() && answer.ok()) {
    const auto option = Read(mine->text, reading);
    return option.ok() &&
           CompareTrees(*option, *answer, options, budget) == Equality::kEqual;
  }
  if (theirs.has_value() && !theirs->text.empty()) {
    const auto option = Read(theirs->text, reading);
    return option.ok() &&
           CompareTrees(gold, *option, options, budget) == Equality::kEqual;
  }
  return false;
}

bool EqualAsChemistry(absl::string_view gold_text,
                      absl::string_view answer_text) {
  const auto formula = ChemicalFormula(gold_text);
  return formula.has_value() && formula == ChemicalFormula(answer_text);
}

// The same words, also at the end of a sentence.
bool EqualAsWords(absl::string_view gold_text, absl::string_view answer_text,
                  const MathOptions& options) {
  const bool keep_case = options.text_case_matters;
  const std::string gold = TextForm(gold_text, keep_case);
  const std::string answer = TextForm(answer_text, keep_case);
  if (gold == answer) return true;
  if (!AllowsSentences(options.mode) || !IsTextLike(gold_text) ||
      !IsTextLike(answer_text)) {
    return false;
  }
  const size_t at = answer.rfind(absl::StrCat(" ", gold));
  if (at == std::string::npos || at + 1 + gold.size() != answer.size()) {
    return false;
  }
  // "It is Monday", "the answer is Monday".
  const absl::string_view before = absl::string_view(answer).substr(0, at);
  const std::vector<absl::string_view> words = absl::StrSplit(before, ' ');
  const absl::string_view verb = words.back();
  return (verb == "is" || verb == "are" || verb == "be") &&
         std::none_of(words.begin(), words.end(), ChangesNumber);
}

// The verdict on texts whose form says what they are, so that nothing else in
// them counts: choices, days, who is what. Nothing for others.
std::optional<bool> JudgeForm(absl::string_view gold_text,
                              absl::string_view answer_text) {
  // Several options, whose order counts unless it is that of the alphabet.
  const auto letters = FindLetters(gold_text);
  if (letters.has_value() && letters->size() > 1) {
    auto chosen = FindLetters(answer_text);
    if (chosen.has_value()) {
      if (std::is_sorted(letters->begin(), letters->end())) {
        std::sort(chosen->begin(), chosen->end());
      }
      return chosen == letters;
    }
  }
  // Two choices: their letters decide, whatever their texts.
  const auto choice = FindChoice(gold_text);
  const auto chosen = FindChoice(answer_text);
  if (choice.has_value() && chosen.has_value()) {
    return choice->letter == chosen->letter;
  }
  const auto day = FindDate(gold_text);
  const auto answered_day = FindDate(answer_text);
  if (day.has_value() || answered_day.has_value()) return day == answered_day;
  const auto statements = FindStatements(WithoutOpener(gold_text));
  if (statements.has_value()) {
    return statements == FindStatements(WithoutOpener(answer_text)) ||
           TextForm(gold_text) == TextForm(answer_text);
  }
  return std::nullopt;
}

bool SaysOr(absl::string_view text) {
  if (absl::StrContains(text, "或") || absl::StrContains(text, "\\lor")) {
    return true;
  }
  const std::string words = absl::StrCat(" ", TextForm(text), " ");
  for (size_t at = words.find("or"); at != std::string::npos;
       at = words.find("or", at + 1)) {
    if (!absl::ascii_isalpha(words[at - 1]) &&
        !absl::ascii_isalpha(words[at + 2])) {
      return true;
    }
  }
  return false;
}

// Whether "or" stands between the choices of a list: ① 或 ③, "I or III". Of
// values it names all, x = 1 or x = 3, but of choices it leaves open which.
bool LeavesOpen(const Node& list, absl::string_view text) {
  if (list.kind != Kind::kList || !SaysOr(text)) return false;
  const auto is_name = [](const NodePtr& node) {
    return node->kind == Kind::kText ||
           (node->kind == Kind::kSymbol && absl::ascii_isupper(node->name[0]));
  };
  return HasCircledNumber(text) ||
         std::all_of(list.args.begin(), list.args.end(), is_name);
}

// Whether a gold says what it is although it is neither formula nor words.
bool HasForm(absl::string_view gold_text) {
  return FindChoice(gold_text).has_value() || FindDate(gold_text).has_value() ||
         FindStatements(gold_text).has_value() ||
         ChemicalFormula(gold_text).has_value();
}

MathResult Judge(absl::string_view gold_text, absl::string_view answer_text,
                 const MathOptions& options, MathResult result) {
  static thread_local ThreadCaches caches;
  (void)caches;
  const std::string trimmed_gold = Trimmed(gold_text);
  const std::string trimmed_answer = Trimmed(answer_text);
  const absl::string_view lost = LostCommand(gold_text);
  const auto gold =
      lost.empty() ? ReadAnswer(gold_text, options)
                   : absl::InvalidArgumentError(absl::StrCat(
                         "a command lost its first letter: \"", lost, "\""));
  Budget budget;
  if ((!gold.ok() && (!lost.empty() || !HasForm(trimmed_gold))) ||
      (gold.ok() && DividesByZero(**gold, &budget))) {
    result.verdict = MathVerdict::kAbstain;
    result.reason = absl::StrCat(
        "unusable gold \"", Excerpt(gold_text),
        "\": ", gold.ok() ? "it divides by zero" : gold.status().message());
    return result;
  }
  const auto is_right = JudgeForm(trimmed_gold, trimmed_answer);
  if (is_right.has_value() || !gold.ok()) {
    const bool is_equal =
        is_right.value_or(EqualAsChemistry(trimmed_gold, trimmed_answer));
    result.gold = trimmed_gold;
    result.answer = trimmed_answer;
    result.verdict = is_equal ? MathVerdict::kCorrect : MathVerdict::kIncorrect;
    if (!is_equal) {
      result.reason = absl::StrCat("answered ", Excerpt(trimmed_answer),
                                   ", expected ", Excerpt(trimmed_gold));
    }
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
  if (answer.ok() && LeavesOpen(**answer, trimmed_answer) &&
      !LeavesOpen(**gold, trimmed_gold)) {
    result.reason = absl::StrCat("answered ", Excerpt(trimmed_answer),
                                 ", which leaves open which of them it is");
    return result;
  }
  Equality equal = Equality::kDifferent;
  if (answer.ok()) {
    equal = CompareTrees(*gold, *answer, options, &budget);
  } else {
    result.reason =
        absl::StrCat("the answer \"", Excerpt(answer_text),
                     "\" is no formula: ", answer.status().message());
  }
  if (equal == Equality::kEqual ||
      EqualAsChemistry(trimmed_gold, trimmed_answer) ||
      ((*gold)->kind == Kind::kText &&
       EqualAsWords(trimmed_gold, trimmed_answer, options)) ||
      EqualByDecimalComma(gold_text, *gold, answer_text, answer, options,
                          &budget) ||
      EqualByUnitLetters(gold_text, *gold, answer_text, answer, options,
                         &budget) ||
      EqualByChoice(trimmed_gold, *gold, trimmed_answer, answer, options,
                    &budget)) {
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
  const auto gold = ReadChoice(Trimmed(gold_text));
  if (!gold.has_value()) {
    result.verdict = MathVerdict::kAbstain;
    result.reason = absl::StrCat("unusable gold \"", Excerpt(gold_text),
                                 "\": expected letters, A to J");
    return result;
  }
  result.gold = *gold;
  const auto answer = ReadChoice(Trimmed(answer_text));
  result.verdict =
      answer == gold ? MathVerdict::kCorrect : MathVerdict::kIncorrect;
  if (!answer.has_value()) {
    result.reason =
        absl::StrCat("\"", Excerpt(answer_text), "\" is no letter, A to J");
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
