#include "reward/math/token.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "reward/core/text.h"
#include "reward/math/currency.h"
#include "reward/math/nouns.h"
#include "reward/math/number_token.h"
#include "reward/math/source_text.h"
#include "reward/math/symbols.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

bool IsUpper(absl::string_view word) {
  return std::all_of(word.begin(), word.end(), absl::ascii_isupper);
}

class Lexer {
 public:
  Lexer(absl::string_view text, const LexOptions& options)
      : text_(text),
        options_(options),
        has_formula_command_(HasFormulaCommand(text)),
        is_open_on_right_(absl::StrContains(text, "\\right.") &&
                          !absl::StrContains(text, "\\}")) {}

  absl::StatusOr<std::vector<Token>> Run() {
    // Escaped dollars are amounts, the others come in pairs around formulas.
    size_t num_dollars = 0;
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == '$')
        ++num_dollars;
    }
    dollars_delimit_ = num_dollars % 2 == 0;
    has_delimiters_ = (num_dollars > 0 && dollars_delimit_) ||
                      absl::StrContains(text_, "\\(") ||
                      absl::StrContains(text_, "\\[");
    while (at_ < text_.size()) {
      R1_RETURN_IF_ERROR(Step());
      if (tokens_.size() > kMaxTokens) {
        return absl::InvalidArgumentError(
            absl::StrCat("more than ", kMaxTokens, " symbols"));
      }
    }
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  absl::Status Step() {
    const char c = text_[at_];
    if (absl::ascii_isspace(c) || c == '~') {
      space_ = true;
      ++at_;
      return absl::OkStatus();
    }
    if (c == '\\') return Backslash();
    if (absl::ascii_isdigit(c) || (c == '.' && at_ + 1 < text_.size() &&
                                   absl::ascii_isdigit(text_[at_ + 1]) &&
                                   !absl::StartsWith(Rest(), ".."))) {
      return Number();
    }
    if (absl::ascii_isalpha(c)) {
      Letters(/*in_text=*/false);
      return absl::OkStatus();
    }
    return Symbol();
  }

  absl::string_view Rest() const { return text_.substr(at_); }

  void Add(TokenKind kind, absl::string_view text) {
    Token token{kind, std::string(text)};
    token.space_before = space_;
    space_ = false;
    tokens_.push_back(std::move(token));
  }

  void AddSymbol(absl::string_view text) {
    if (text == "(" || text == "[" || text == "\\{") ++depth_;
    if (text == ")" || text == "]" || text == "\\}") {
      depth_ = std::max(0, depth_ - 1);
    }
    Add(TokenKind::kSymbol, text);
  }

  absl::Status Number() {
    NumberStyle style;
    style.decimal_comma = options_.decimal_comma;
    style.allow_groups = depth_ == 0;
    style.allow_spaces = depth_ == 0 && !AfterFraction();
    style.allow_exponent = true;
    Token token{TokenKind::kNumber};
    token.space_before = space_;
    space_ = false;
    R1_ASSIGN_OR_RETURN(const size_t used, LexNumber(Rest(), style, &token));
    at_ += used;
    tokens_.push_back(std::move(token));
    return absl::OkStatus();
  }

  bool AfterNumber() const {
    return !tokens_.empty() && tokens_.back().kind == TokenKind::kNumber;
  }

  // 5 min, 5 sec; but 5 sec(x).
  bool IsUnitHere(absl::string_view word, size_t end) const {
    const absl::string_view rest =
        absl::StripLeadingAsciiWhitespace(text_.substr(end));
    return AfterNumber() && IsUnitWord(word) &&
           (rest.empty() || (!absl::StrContains("(^{\\", rest[0]) &&
                             !absl::ascii_isalpha(rest[0])));
  }

  // Whether letters here belong to a formula: between its marks, or where there
  // are none beside its commands.
  bool InFormula() const {
    return has_delimiters_ ? in_delimiters_ : has_formula_command_;
  }

  // Whether a word outside \text is prose: 3\sqrt2 units, 5\pi cm; not at^2.
  bool IsProse(absl::string_view word, size_t end) const {
    const bool is_apart = space_ || tokens_.empty();
    const bool is_raised =
        end < text_.size() && absl::StrContains("^_({", text_[end]);
    const bool is_length = word == "cm" || word == "mm" || word == "km" ||
                           word == "kg" || word == "ft";
    if (!InFormula()) {
      if (is_raised) return is_length || (AfterNumber() && IsUnitWord(word));
      // v = at
      if (word.size() == 2 && !IsUnitWord(word) && IsInSum(word, end))
        return false;
      return IsUnitWord(word) || IsShortWord(word) ||
             (word.size() > 2 && LooksLikeWord(word));
    }
    if (!is_apart) return false;
    if (is_length && !tokens_.empty()) return true;
    if (is_raised) return false;
    return AfterWord() || IsFunctionWord(word) ||
           (word.size() > 2 && LooksLikeWord(word) && CanBeUnit(word));
  }

  // Whether an operator stands beside letters, or nothing but them is there.
  bool IsInSum(absl::string_view word, size_t end) const {
    const absl::string_view rest =
        absl::StripLeadingAsciiWhitespace(text_.substr(end));
    if (tokens_.empty() && rest.empty()) return !IsFunctionWord(word);
    const auto is_operator = [](absl::string_view text) {
      return !text.empty() && absl::StrContains("=+-*/", text[0]);
    };
    return is_operator(rest) ||
           (!tokens_.empty() && is_operator(tokens_.back().text));
  }

  // Whether a unit goes on here: after the m of m/s, m s or m \cdot s.
  bool AfterUnit() const {
    size_t n = tokens_.size();
    if (n > 0 && tokens_[n - 1].text == "(") --n;  // J/(g K)
    if (n > 0 && (tokens_[n - 1].text == "/" || tokens_[n - 1].text == "*")) {
      --n;
    }
    if (n > 1 && tokens_[n - 1].kind == TokenKind::kNumber &&
        tokens_[n - 2].text == "^") {
      n -= 2;
    }
    return n > 0 && tokens_[n - 1].kind == TokenKind::kText &&
           !CanonicalUnit(tokens_[n - 1].text).empty();
  }

  // 45 USD, 4:30 PM; but 2CM and 2AM are multiples of segments.
  bool IsCapitalUnit(absl::string_view word) const {
    if (word == "AM" || word == "PM") {
      return space_ ||
             (tokens_.size() > 1 && tokens_[tokens_.size() - 2].text == ":");
    }
    return word.size() > 2 && !CanonicalUnit(word).empty();
  }

  // Whether the x here stands for a times: 3 x 10^8, 2 x 3.
  bool IsTimesLetter(size_t end) const {
    if (!AfterNumber()) return false;
    absl::string_view rest = text_.substr(end);
    const bool has_spaces = space_ && absl::StartsWith(rest, " ");
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (rest.empty() || !absl::ascii_isdigit(rest[0])) return false;
    if (has_spaces) return true;
    if (!absl::ConsumePrefix(&rest, "10")) return false;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    return absl::StartsWith(rest, "^") || absl::StartsWith(rest, "**");
  }

  // Whether the digits here may be the arguments of \frac 1 2.
  bool AfterFraction() const {
    const size_t n = tokens_.size();
    return (n >= 1 && tokens_[n - 1].text == "frac") ||
           (n >= 2 && tokens_[n - 2].text == "frac");
  }

  absl::Status Backslash() {
    if (at_ + 1 == text_.size()) {
      ++at_;  // a lone one at the end: a cut line break
      return absl::OkStatus();
    }
    const char next = text_[at_ + 1];
    if (!absl::ascii_isalpha(next)) {
      at_ += 2;
      if (next == '\\') {
        if (absl::StartsWith(Rest(), "[")) {  // \\[2pt]
          const size_t close = Rest().find(']');
          if (close != absl::string_view::npos && close < 8 &&
              absl::EndsWith(Rest().substr(0, close), "pt")) {
            at_ += close + 1;
          }
        }
        AddSymbol("\\\\");
      } else if (next == '{' && OpensSystem()) {
        space_ = true;
      } else if (absl::StrContains("{}", next)) {
        AddSymbol(text_.substr(at_ - 2, 2));
      } else if (absl::StrContains("%$&#", next)) {
        AddSymbol(absl::string_view(&next, 1));
      } else if (next == '|') {
        AddSymbol("|");
      } else if (absl::StrContains(",;:! ()[]\n\t/", next)) {
        if (absl::StrContains("([", next)) in_delimiters_ = true;
        if (absl::StrContains(")]", next)) in_delimiters_ = false;
        space_ = true;
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("unknown command \"\\", Excerpt({&next, 1}), "\""));
      }
      return absl::OkStatus();
    }
    size_t end = at_ + 1;
    while (end < text_.size() && absl::ascii_isalpha(text_[end])) ++end;
    absl::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    CommandMeaning meaning = FindCommand(name);
    if (meaning.role == CommandRole::kUnknown &&
        absl::ConsumePrefix(&name, "quad")) {
      meaning.role = CommandRole::kSkip;  // \quadx: letters follow
      end -= name.size();
    }
    at_ = end;
    return Command(meaning, name);
  }

  absl::Status Command(const CommandMeaning& meaning, absl::string_view name) {
    switch (meaning.role) {
      case CommandRole::kUnknown:
        return absl::InvalidArgumentError(
            absl::StrCat("unknown command \"\\", Excerpt(name), "\""));
      case CommandRole::kSkip:
        space_ = true;
        // \left. and \right. are brackets that are not shown.
        if ((name == "left" || name == "right") &&
            absl::StartsWith(Rest(), ".")) {
          ++at_;
        }
        return absl::OkStatus();
      case CommandRole::kSymbol:
        AddSymbol(meaning.text);
        return absl::OkStatus();
      case CommandRole::kCommand: {
        // 36 \Omega ends in a unit.
        const bool is_ohm =
            name == "Omega" && AfterNumber() &&
            absl::StripLeadingAsciiWhitespace(Rest()).find_first_not_of(
                "$.}") == absl::string_view::npos;
        Add(is_ohm ? TokenKind::kText : TokenKind::kCommand,
            is_ohm ? "ohm" : meaning.text);
        return absl::OkStatus();
      }
      case CommandRole::kFormat:
        return absl::OkStatus();
      case CommandRole::kSkipNext:
        SkipSpaces();
        if (absl::StartsWith(Rest(), "{")) {
          const size_t close = Rest().find('}');
          if (close == absl::string_view::npos) {
            return absl::InvalidArgumentError("a group is not closed");
          }
          at_ += close + 1;
        } else if (!Rest().empty()) {
          ++at_;
        }
        return absl::OkStatus();
      case CommandRole::kText:
        return TextGroup(name);
    }
    return absl::OkStatus();
  }

  // \left\{ \begin{array} ... \right.: a brace on one side only.
  bool OpensSystem() const {
    return is_open_on_right_ &&
           absl::StartsWith(absl::StripLeadingAsciiWhitespace(Rest()),
                            "\\begin");
  }

  void SkipSpaces() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
  }

  // \text{...}: words are words, whatever their letters.
  absl::Status TextGroup(absl::string_view name) {
    SkipSpaces();
    if (!absl::StartsWith(Rest(), "{")) return absl::OkStatus();
    size_t close = at_ + 1;
    int depth = 1;
    for (; close < text_.size(); ++close) {
      if (text_[close] == '\\') {
        ++close;
      } else if (text_[close] == '{') {
        ++depth;
      } else if (text_[close] == '}' && --depth == 0) {
        break;
      }
    }
    if (close >= text_.size()) {
      return absl::InvalidArgumentError("a group of words is not closed");
    }
    const absl::string_view inside = text_.substr(at_ + 1, close - at_ - 1);
    if (const auto sign = CurrencyOfGroup(inside, text_.substr(close + 1))) {
      at_ = close + 1;
      AddSymbol(*sign);
      return absl::OkStatus();
    }
    // \mathrm{e}, \mathrm{sin}, \text{\frac12}: formulas in another font.
    const bool is_math_font = absl::StartsWith(name, "math") ||
                              name == "operatorname" || name == "underline";
    // \operatorname{arctan}, but 5 \text{ min}.
    const absl::string_view command = PlainCommand(inside);
    if (IsFunction(command) && !IsUnitHere(inside, close + 1) &&
        (is_math_font || (command != "max" && command != "min"))) {
      at_ = close + 1;
      Add(TokenKind::kCommand, command);
      return absl::OkStatus();
    }
    // 5\text{x}: a letter behind a value that is no unit.
    const absl::string_view letter = absl::StripAsciiWhitespace(inside);
    const bool is_factor = letter.size() == 1 &&
                           absl::ascii_isalpha(letter[0]) && !tokens_.empty() &&
                           CanonicalUnit(letter).empty() &&
                           (AfterNumber() || tokens_.back().text == "}");
    const bool is_formula =
        is_factor || HasCommand(inside) ||
        (is_math_font && !AfterUnit() &&
         (inside.size() == 1 || !command.empty() ||
          !std::any_of(inside.begin(), inside.end(), absl::ascii_isalpha)));
    if (is_formula) return absl::OkStatus();  // the braces are read as a group
    const absl::string_view whole = text_;
    text_ = text_.substr(0, close);
    ++at_;
    absl::Status status;
    while (at_ < text_.size() && status.ok()) {
      if (absl::ascii_isalpha(text_[at_])) {
        Letters(/*in_text=*/true);
      } else {
        status = Step();
      }
    }
    text_ = whole;
    at_ = close + 1;
    return status;
  }

  bool AfterWord() const {
    return !tokens_.empty() && tokens_.back().kind == TokenKind::kText;
  }

  void AddLetters(absl::string_view letters) {  // factors
    for (const char& letter : letters) {
      Add(TokenKind::kName, absl::string_view(&letter, 1));
    }
  }

  // xsqrt(5), 3cosx: a function between its factor and its argument, two
  // letters each at most. In prose the argument is an x, y or z, or follows in
  // brackets.
  bool AddAroundFunction(absl::string_view word, size_t end) {
    for (const absl::string_view name : {"sqrt", "sin", "cos", "tan", "cot",
                                         "sec", "csc", "log", "ln", "exp"}) {
      const size_t at = word.find(name);
      if (at == absl::string_view::npos || at > 2) continue;
      const absl::string_view before = word.substr(0, at);
      const absl::string_view after = word.substr(at + name.size());
      const bool is_applied =
          after.empty() && absl::StartsWith(text_.substr(end), "(");
      const bool is_argument =
          after.size() == 1 && absl::StrContains("xyz", after);
      if (!is_applied && !is_argument &&
          !(InFormula() && before.empty() && after.size() < 3)) {
        continue;
      }
      AddLetters(before);
      Add(TokenKind::kCommand, name);
      AddLetters(after);
      at_ = end;
      return true;
    }
    return false;
  }

  // A run of letters, perhaps with a unit's "/" or a word's "-" inside.
  void Letters(bool in_text) {
    size_t end = at_;
    while (end < text_.size() && absl::ascii_isalpha(text_[end])) ++end;
    absl::string_view word = text_.substr(at_, end - at_);
    const bool is_attached = !space_ && AfterNumber();
    // p.m. and a.m.
    const absl::string_view rest = text_.substr(end);
    if ((word == "p" || word == "a" || word == "P" || word == "A") &&
        (absl::StartsWith(rest, ".m") || absl::StartsWith(rest, ".M"))) {
      at_ = end + 2;
      if (absl::StartsWith(Rest(), ".")) ++at_;
      Add(TokenKind::kText, absl::ascii_tolower(word[0]) == 'p' ? "pm" : "am");
      return;
    }
    const std::string lower = absl::AsciiStrToLower(word);
    if (lower == "and" || lower == "or") {
      at_ = end;
      AddSymbol(lower);
      return;
    }
    const bool may_be_unit = options_.unit_letters == UnitLetters::kAll ||
                             (options_.unit_letters == UnitLetters::kSpaced &&
                              (space_ || word.size() > 1));
    // 5 Kg, but 2CM is a multiple of a segment.
    const bool is_unit =
        !CanonicalUnit(word).empty() &&
        (word.size() == 1 || !IsUpper(word) || IsUnitWord(word));
    if (!tokens_.empty() && is_unit &&
        ((may_be_unit && (AfterNumber() || tokens_.back().text == "}")) ||
         (options_.unit_letters != UnitLetters::kNone && AfterUnit()))) {
      in_text = true;
    }
    // 45 USD, 4:30 PM.
    if (AfterNumber() && IsUpper(word) && IsCapitalUnit(word)) {
      in_text = true;
    }
    if (!in_text && !AfterNumber()) {
      if (const auto sign = FindAmountSign(Rest(), dollars_delimit_)) {
        at_ += sign->num_bytes;
        if (!sign->currency.empty()) AddSymbol(sign->currency);
        return;
      }
    }
    if (!in_text) {
      for (const absl::string_view connector : {"or", "and"}) {
        if (absl::StartsWith(word, connector) &&
            absl::ascii_isupper(word[connector.size()])) {
          at_ += connector.size();  // 1orW(x)
          AddSymbol(connector);
          return;
        }
      }
      if (word.size() == 1) {
        at_ = end;
        if ((word == "x" || word == "X") && IsTimesLetter(end)) {
          AddSymbol("*");
        } else {
          Add(TokenKind::kName, word);
        }
        return;
      }
      const absl::string_view command = PlainCommand(word);
      const bool is_cup = word == "cup" && !tokens_.empty() &&
                          absl::StripAsciiWhitespace(rest).empty();
      const bool is_label = !InFormula() && absl::StartsWith(rest, ":");
      if (!command.empty() && !IsUnitHere(word, end) && !is_cup && !is_label) {
        at_ = end;
        Add(TokenKind::kCommand, command);
        return;
      }
      // 5 apples in total
      const absl::string_view next = absl::StripLeadingAsciiWhitespace(rest);
      const bool is_total = AfterWord() && (absl::StartsWith(next, "total") ||
                                            absl::StartsWith(next, "all"));
      if (word == "in" && !is_attached && !is_total) {
        at_ = end;
        AddSymbol("in");
        return;
      }
      if (IsUpper(word)) {  // a segment or a polygon: one name
        at_ = end;
        Add(TokenKind::kName, word);
        return;
      }
      if (AddAroundFunction(word, end)) return;
      const bool is_product =
          IsProductOfLetters(word) ||
          (is_attached && !IsUnitWord(word) && word.size() < 4);
      if ((is_product && !AfterWord()) || !IsProse(word, end)) {
        AddLetters(word);
        at_ = end;
        return;
      }
    }
    // A word, with what may stand inside one. Digits: A5 in base 11.
    if (in_text && IsUpper(word)) {
      while (end < text_.size() && (absl::ascii_isdigit(text_[end]) ||
                                    absl::ascii_isupper(text_[end]))) {
        ++end;
      }
    }
    while (end + 1 < text_.size() && absl::StrContains("/-'", text_[end]) &&
           absl::ascii_isalpha(text_[end + 1])) {
      ++end;
      while (end < text_.size() && absl::ascii_isalpha(text_[end])) ++end;
    }
    Add(TokenKind::kText, text_.substr(at_, end - at_));
    at_ = end;
    // The dot of an abbreviation.
    if (absl::StartsWith(Rest(), ".") && in_text) ++at_;
  }

  absl::Status Symbol() {
    const absl::string_view rest = Rest();
    for (const auto& [spelling, symbol] :
         std::initializer_list<std::pair<absl::string_view, absl::string_view>>{
             {"...", "..."},
             {"{:}", ":"},
             {"<=", "<="},
             {">=", ">="},
             {"=<", "<="},
             {"!=", "!="},
             {"**", "^"},
             {"==", "="},
             {":=", "="}}) {
      if (absl::StartsWith(rest, spelling)) {
        at_ += spelling.size();
        AddSymbol(symbol);
        return absl::OkStatus();
      }
    }
    const char c = rest[0];
    ++at_;
    if (c == '$' && dollars_delimit_) {
      if (!absl::StartsWith(Rest(), "$")) in_delimiters_ = !in_delimiters_;
      space_ = true;
      return absl::OkStatus();
    }
    if (c == '^') {  // ^\circ is one mark
      absl::string_view mark = absl::StripLeadingAsciiWhitespace(Rest());
      for (const absl::string_view circle :
           {"\\circ", "{\\circ}", "{ \\circ }", "\\degree", "{\\degree}",
            "{\\circ }"}) {
        if (absl::ConsumePrefix(&mark, circle)) {
          at_ = text_.size() - mark.size();
          AddSymbol("deg");
          return absl::OkStatus();
        }
      }
    }
    if (!absl::StrContains("+-*/^_!()[]{}|<>=,;:'&%.$\"?", c)) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown symbol \"", Excerpt(rest.substr(0, 4)), "\""));
    }
    AddSymbol(rest.substr(0, 1));
    return absl::OkStatus();
  }

  absl::string_view text_;
  const LexOptions options_;
  const bool has_formula_command_;
  const bool is_open_on_right_;  // \right. and no \}
  size_t at_ = 0;
  int depth_ = 0;  // of brackets, in which a comma separates
  bool space_ = false;
  bool dollars_delimit_ = true;
  bool has_delimiters_ = false;
  bool in_delimiters_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Lex(absl::string_view source,
                                       const LexOptions& options) {
  if (source.size() > kMaxAnswerBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.size(), " bytes, at most ", kMaxAnswerBytes, " are read"));
  }
  R1_ASSIGN_OR_RETURN(const std::string text, ToPlainLatex(source));
  return Lexer(text, options).Run();
}

}  // namespace r1::math
