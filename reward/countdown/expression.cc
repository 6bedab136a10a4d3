#include "reward/countdown/expression.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

struct Symbol {
  absl::string_view text;
  char meaning;
};
constexpr Symbol kSymbols[] = {
    {"+", '+'},        {"-", '-'},        {"*", '*'},
    {"/", '/'},        {"(", '('},        {")", ')'},
    {"\xC3\x97", '*'}, {"\xC3\xB7", '/'}, {"\xE2\x88\x92", '-'},
};

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Expression> Parse() {
    R1_ASSIGN_OR_RETURN(mpq_class value, Sum(/*depth=*/0));
    SkipSpace();
    if (at_ < text_.size()) return Unexpected("an operator");
    return Expression{std::move(value), std::move(numbers_)};
  }

 private:
  absl::StatusOr<mpq_class> Sum(int depth) {
    const bool is_negated = Take('-');
    R1_ASSIGN_OR_RETURN(mpq_class total, Product(depth));
    if (is_negated) total = -total;
    for (;;) {
      if (Take('+')) {
        R1_ASSIGN_OR_RETURN(const mpq_class term, Product(depth));
        total += term;
      } else if (Take('-')) {
        R1_ASSIGN_OR_RETURN(const mpq_class term, Product(depth));
        total -= term;
      } else {
        return total;
      }
    }
  }

  absl::StatusOr<mpq_class> Product(int depth) {
    R1_ASSIGN_OR_RETURN(mpq_class total, Factor(depth));
    for (;;) {
      if (Take('*')) {
        R1_ASSIGN_OR_RETURN(const mpq_class factor, Factor(depth));
        total *= factor;
      } else if (Take('/')) {
        R1_ASSIGN_OR_RETURN(const mpq_class factor, Factor(depth));
        if (factor == 0) {
          return absl::InvalidArgumentError(
              absl::StrCat("division by zero before byte ", at_));
        }
        total /= factor;
      } else {
        return total;
      }
    }
  }

  absl::StatusOr<mpq_class> Factor(int depth) {
    if (!Take('(')) return Literal();
    if (depth == kMaxExpressionDepth) {
      return absl::InvalidArgumentError(absl::StrCat(
          "more than ", kMaxExpressionDepth, " nested parentheses"));
    }
    R1_ASSIGN_OR_RETURN(mpq_class value, Sum(depth + 1));
    if (!Take(')')) return Unexpected("an operator or \")\"");
    return value;
  }

  absl::StatusOr<mpq_class> Literal() {
    SkipSpace();
    size_t end = at_;
    while (end < text_.size() && absl::ascii_isdigit(text_[end])) ++end;
    const absl::string_view digits = text_.substr(at_, end - at_);
    if (digits.empty()) return Unexpected("a number or \"(\"");
    if (digits.size() > kMaxLiteralDigits ||
        (digits.size() > 1 && digits[0] == '0')) {
      return absl::InvalidArgumentError(absl::StrCat(
          "number \"", Excerpt(digits), "\" at byte ", at_, ": expected 1 to ",
          kMaxLiteralDigits, " digits without a leading zero"));
    }
    at_ = end;
    int64_t value = 0;
    for (const char digit : digits) value = value * 10 + (digit - '0');
    numbers_.push_back(value);
    return mpq_class(value);
  }

  void SkipSpace() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
  }

  // Steps over the next symbol if it has this meaning.
  bool Take(char meaning) {
    SkipSpace();
    for (const Symbol& symbol : kSymbols) {
      if (symbol.meaning == meaning &&
          absl::StartsWith(text_.substr(at_), symbol.text)) {
        at_ += symbol.text.size();
        return true;
      }
    }
    return false;
  }

  absl::Status Unexpected(absl::string_view expected) {
    SkipSpace();
    return absl::InvalidArgumentError(absl::StrCat(
        "expected ", expected, " at byte ", at_, ", found ",
        at_ == text_.size()
            ? std::string("the end")
            : absl::StrCat("\"", Excerpt(text_.substr(at_, 8)), "\"")));
  }

  absl::string_view text_;
  size_t at_ = 0;
  std::vector<int64_t> numbers_;
};

}  // namespace

absl::StatusOr<Expression> ParseExpression(absl::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("expression of ", text.size(), " bytes, at most ",
                     kMaxExpressionBytes, " are read"));
  }
  return Parser(text).Parse();
}

}  // namespace r1
