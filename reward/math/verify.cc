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

// One side of a comparison, as it is read beside no other.
struct ReadSide {
  ReadSide(absl::string_view source, const Reading& reading)
      : source(source), text(Trimmed(source)), reading(reading) {
    auto read = Read(source, reading);
    if (read.ok()) tree = *std::move(read);
    status = read.status();
  }

  absl::string_view source;
  std::string text;  // trimmed
  Reading reading;
  NodePtr tree;  // null where it is neither a formula nor words
  absl::Status status;
};

// The other readings of a side, which what the other side says calls for; null
// where there is none. 1,50 beside 1.50:
NodePtr WithDecimalComma(const ReadSide& side, const ReadSide& other,
                         const MathOptions& options) {
  if (options.decimal_comma != CommaPolicy::kAuto ||
      !MayHaveDecimalComma(side.source) || other.tree == nullptr ||
      !HasDecimalPoint(*other.tree)) {
    return nullptr;
  }
  Reading reading = side.reading;
  reading.lex.decimal_comma = true;
  return Read(side.source, reading).value_or(nullptr);
}

// "(C) 42" beside 42: a choice is also its text.
NodePtr TextOfChoice(const ReadSide& side, const ReadSide& /*other*/,
                     const MathOptions& options) {
  const auto choice = FindChoice(side.text);
  if (!choice.has_value() || choice->text.empty()) return nullptr;
  return Read(choice->text, ToReading(options, /*allow_sentences=*/false))
      .value_or(nullptr);
}

bool HasKnownUnit(const NodePtr& node) {
  return node != nullptr && node->kind == Kind::kQuantity &&
         !CanonicalUnit(node->name).empty();
}

// 5 m, where the m is no variable: because the other side says metres, or
// because it stands apart from a number. With or without a name, v = 5 m/s.
NodePtr WithUnitLetters(const ReadSide& side, bool other_has_unit) {
  if (HasKnownUnit(side.tree)) return side.tree;
  Reading reading = side.reading;
  reading.lex.unit_letters =
      other_has_unit ? UnitLetters::kAll : UnitLetters::kSpaced;
  const NodePtr node = Read(side.source, reading).value_or(nullptr);
  if (node == nullptr) return nullptr;
  const Assignment assignment = AsAssignment(*node);
  const NodePtr& quantity =
      assignment.value == nullptr ? node : assignment.value;
  return HasKnownUnit(quantity) && !HasVariable(*quantity->args[0]) ? node
                                                                    : nullptr;
}

// Beside a bare number, m and N can be variables.
bool IsPlainUnit(const NodePtr& node) {
  return node != nullptr && node->kind == Kind::kQuantity &&
         (node->name.size() > 1 || node->name == "J" || node->name == "W");
}

bool EqualByOtherReading(const ReadSide& gold, const ReadSide& answer,
                         const MathOptions& options, Budget* budget) {
  const auto are_equal = [&](const NodePtr& a, const NodePtr& b) {
    return a != nullptr && b != nullptr &&
           CompareTrees(a, b, options, budget) == Equality::kEqual;
  };
  for (const auto read : {WithDecimalComma, TextOfChoice}) {
    if (are_equal(read(gold, answer, options), answer.tree) ||
        are_equal(gold.tree, read(answer, gold, options))) {
      return true;
    }
  }
  const NodePtr mine = WithUnitLetters(gold, HasKnownUnit(answer.tree));
  const NodePtr theirs = WithUnitLetters(answer, mine != nullptr);
  return (IsPlainUnit(mine) && are_equal(mine, answer.tree)) ||
         (IsPlainUnit(theirs) && are_equal(gold.tree, theirs)) ||
         are_equal(mine, theirs);
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
  ReadSide gold(gold_text, ToReading(options, /*allow_sentences=*/true));
  const absl::string_view lost = LostCommand(gold_text);
  if (!lost.empty()) {
    gold.tree = nullptr;
    gold.status = absl::InvalidArgumentError(
        absl::StrCat("a command lost its first letter: \"", lost, "\""));
  }
  Budget budget;
  const bool has_tree = gold.tree != nullptr;
  if (has_tree ? DividesByZero(*gold.tree, &budget)
               : !lost.empty() || !HasForm(gold.text)) {
    result.verdict = MathVerdict::kAbstain;
    result.reason = absl::StrCat(
        "unusable gold \"", Excerpt(gold_text),
        "\": ", has_tree ? "it divides by zero" : gold.status.message());
    return result;
  }
  const ReadSide answer(answer_text,
                        ToReading(options, AllowsSentences(options.mode)));
  const auto decide = [&](bool is_right, absl::string_view otherwise) {
    result.verdict = is_right ? MathVerdict::kCorrect : MathVerdict::kIncorrect;
    result.reason = is_right ? "" : std::string(otherwise);
    return result;
  };
  const auto is_right = JudgeForm(gold.text, answer.text);
  if (is_right.has_value() || !has_tree) {
    result.gold = gold.text;
    result.answer = answer.text;
    return decide(is_right.value_or(EqualAsChemistry(gold.text, answer.text)),
                  absl::StrCat("answered ", Excerpt(answer.text), ", expected ",
                               Excerpt(gold.text)));
  }
  result.gold = Render(*gold.tree);
  Equality equal = Equality::kDifferent;
  std::string otherwise =
      absl::StrCat("the answer \"", Excerpt(answer_text),
                   "\" is no formula: ", answer.status.message());
  if (answer.tree != nullptr) {
    result.answer = Render(*answer.tree);
    if (DividesByZero(*answer.tree, &budget)) {
      return decide(false, "the answer divides by zero");
    }
    if (LeavesOpen(*answer.tree, answer.text) &&
        !LeavesOpen(*gold.tree, gold.text)) {
      return decide(false,
                    absl::StrCat("answered ", Excerpt(answer.text),
                                 ", which leaves open which of them it is"));
    }
    equal = CompareTrees(gold.tree, answer.tree, options, &budget);
    otherwise =
        absl::StrCat("answered ", Excerpt(result.answer), ", expected ",
                     KindName(gold.tree->kind), " ", Excerpt(result.gold));
  }
  const bool is_equal = equal == Equality::kEqual ||
                        EqualAsChemistry(gold.text, answer.text) ||
                        (gold.tree->kind == Kind::kText &&
                         EqualAsWords(gold.text, answer.text, options)) ||
                        EqualByOtherReading(gold, answer, options, &budget);
  if (equal == Equality::kUnknown) {
    otherwise = budget.IsSpent() ? "not shown to be equal within the budget"
                                 : "not shown to be equal";
  }
  return decide(is_equal, otherwise);
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
