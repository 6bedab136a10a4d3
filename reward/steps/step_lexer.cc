#include "reward/steps/step_lexer.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/utf8.h"
#include "reward/language/script.h"

namespace r1 {
namespace {

struct StepWord {
  absl::string_view text;
  char op;  // '=' for a verb
};

constexpr StepWord kEnglishSteps[] = {
    {"and", '+'},   {"plus", '+'},   {"less", '-'},
    {"minus", '-'}, {"times", '*'},  {"make", '='},
    {"makes", '='}, {"equals", '='}, {"gives", '='},
};

// A longer one before its beginning.
constexpr StepWord kChineseSteps[] = {
    {"加", '+'},   {"减", '-'},   {"乘以", '*'}, {"乘", '*'},
    {"除以", '/'}, {"得到", '='}, {"得", '='},   {"等于", '='},
};

constexpr StepWord kSignsOfMoreBytes[] = {
    {"\xC3\x97", '*'},      // U+00D7
    {"\xC3\xB7", '/'},      // U+00F7
    {"\xE2\x88\x92", '-'},  // U+2212
};

void BecomeWord(const StepWord& word, StepToken* token) {
  token->kind = word.op == '=' ? StepKind::kEquals : StepKind::kOperator;
  token->op = word.op;
  token->end = token->begin + word.text.size();
}

// Whether a letter beside it belongs to a formula.
bool IsOfFormula(char c) {
  return absl::ascii_isdigit(c) || absl::StrContains("+-*/=^_%\\", c);
}

}  // namespace

bool StepLexer::Next(StepToken* token) {
  while (At(at_) != '\n' && absl::ascii_isspace(At(at_))) ++at_;
  if (at_ >= text_.size()) return false;
  *token = StepToken();
  token->begin = at_;
  token->end = at_ + 1;
  const char c = text_[at_];
  if (absl::ascii_isdigit(c) ||
      (c == '.' && absl::ascii_isdigit(At(at_ + 1)))) {
    ReadNumber(token);
  } else if (absl::ascii_isalpha(c) || c == '_') {
    ReadWord(token);
  } else if (static_cast<unsigned char>(c) >= 0x80) {
    if (!ReadChineseWord(token)) ReadSign(token);
  } else {
    ReadSign(token);
  }
  at_ = token->end;
  return true;
}

void StepLexer::ReadNumber(StepToken* token) {
  const auto skip_digits = [&](size_t at) {
    while (absl::ascii_isdigit(At(at))) ++at;
    return at;
  };
  size_t end = skip_digits(token->begin);
  // Groups of three, and no digit behind the last.
  size_t joined = end;
  while (end - token->begin <= 3 && At(joined) == ',' &&
         skip_digits(joined + 1) == joined + 4) {
    joined += 4;
  }
  has_seen_thousands_ = has_seen_thousands_ || joined > end;
  if (joins_thousands_) end = joined;
  token->kind = StepKind::kNumber;
  while (At(end) == '.' && absl::ascii_isdigit(At(end + 1))) {
    token->kind = StepKind::kStrange;
    end = skip_digits(end + 1);
  }
  token->end = end;
}

void StepLexer::ReadWord(StepToken* token) {
  // "x-y" and "don't" are words of one piece.
  size_t end = token->begin;
  const auto is_letter = [&](size_t at) {
    return absl::ascii_isalpha(At(at)) || At(at) == '_';
  };
  while (is_letter(end) ||
         ((At(end) == '-' || At(end) == '\'') && is_letter(end + 1))) {
    ++end;
  }
  token->end = end;
  const char before = token->begin == 0 ? '\0' : text_[token->begin - 1];
  const bool is_inside = IsOfFormula(before) || before == ')' ||
                         IsOfFormula(At(end)) || At(end) == '(';
  if (is_inside) {
    token->kind = StepKind::kStrange;
    return;
  }
  for (const StepWord& word : kEnglishSteps) {
    if (word.text != text_.substr(token->begin, end - token->begin)) continue;
    BecomeWord(word, token);
    token->is_word = true;
    return;
  }
}

bool StepLexer::ReadChineseWord(StepToken* token) {
  for (const StepWord& word : kChineseSteps) {
    if (!absl::StartsWith(text_.substr(token->begin), word.text)) continue;
    BecomeWord(word, token);
    token->is_word = true;
    return true;
  }
  return false;
}

void StepLexer::ReadSign(StepToken* token) {
  const absl::string_view rest = text_.substr(token->begin);
  for (const StepWord& sign : kSignsOfMoreBytes) {
    if (absl::StartsWith(rest, sign.text)) return BecomeWord(sign, token);
  }
  const char before = token->begin == 0 ? '\0' : text_[token->begin - 1];
  size_t length = 0;
  const int32_t c = FirstCodePoint(rest, &length);
  token->end = token->begin + length;
  if (c >= 0x80) {
    // Those of East Asia stand beside numbers as white space does elsewhere.
    const bool is_apart =
        IsWordByCharacter(ScriptOf(c)) || (c >= 0x3000 && c <= 0x303F) ||
        (c >= 0xFF00 && c <= 0xFF20) || (c >= 0x2010 && c <= 0x206F);
    token->opens_line = is_apart && !IsWordByCharacter(ScriptOf(c));
    if (!is_apart && (IsOfFormula(before) || IsOfFormula(At(token->end)))) {
      token->kind = StepKind::kStrange;
    }
    return;
  }
  const char next = At(token->end);
  if (absl::StartsWith(rest, "**")) {
    // Bold text, or a power.
    token->end = token->begin + 2;
    const char behind = At(token->end);
    const bool is_power = (absl::ascii_isdigit(before) || before == ')') &&
                          (absl::ascii_isdigit(behind) || behind == '(');
    if (is_power) token->kind = StepKind::kStrange;
  } else if (c == '=') {
    constexpr absl::string_view kOthers = "<>!:=~";
    const bool is_other =
        absl::StrContains(kOthers, before) || absl::StrContains(kOthers, next);
    token->kind = is_other ? StepKind::kStrange : StepKind::kEquals;
  } else if (absl::StrContains("+-*/", static_cast<char>(c))) {
    token->kind = StepKind::kOperator;
    token->op = static_cast<char>(c);
  } else if (c == '(') {
    token->kind = StepKind::kOpen;
  } else if (c == ')') {
    token->kind = StepKind::kClose;
  } else if (c == '^' || c == '%') {
    token->kind = StepKind::kStrange;
  } else {
    token->opens_line = absl::StrContains("\n,;:?.!>", static_cast<char>(c));
  }
}

}  // namespace r1
