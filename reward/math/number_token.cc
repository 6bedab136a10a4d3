#include "reward/math/number_token.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace r1::math {
namespace {

constexpr int kMaxExponent = 4000;

size_t NumDigits(absl::string_view text) {
  size_t n = 0;
  while (n < text.size() && absl::ascii_isdigit(text[n])) ++n;
  return n;
}

// Length of a mark that can only separate thousands: {,} ,\! \, \!; else 0.
size_t GroupMark(absl::string_view text) {
  for (const absl::string_view mark :
       {"{,}", "{, }", " {, }", "{,}\\!", ",\\! ", ",\\!", "\\!,", ",{\\!}",
        "{\\,}", "\\,", "\\!"}) {
    if (absl::StartsWith(text, mark)) return mark.size();
  }
  return 0;
}

// The digits of 12,34,567 without its commas, as India groups them; empty if
// it is grouped otherwise.
std::string IndianGroups(absl::string_view text, size_t* num_bytes) {
  size_t at = NumDigits(text);
  if (at == 0 || at > 2 || text[0] == '0') return "";
  std::string digits(text.substr(0, at));
  while (absl::StartsWith(text.substr(at), ",")) {
    const size_t n = NumDigits(text.substr(at + 1));
    digits += std::string(text.substr(at + 1, n));
    at += 1 + n;
    if (n == 2) continue;
    *num_bytes = at;
    return n == 3 && digits.size() > 5 ? digits : "";
  }
  return "";
}

// Length of the mark before the next group of three digits; 0: no group.
size_t NextGroup(absl::string_view rest, size_t num_leading,
                 const NumberStyle& style) {
  size_t mark = GroupMark(rest);
  if (mark == 0 && style.allow_groups && absl::StartsWith(rest, ",")) mark = 1;
  if (mark == 0 && style.allow_spaces && absl::StartsWith(rest, " ")) mark = 1;
  if (mark == 0 || num_leading > 3) return 0;
  const absl::string_view group = rest.substr(mark);
  if (NumDigits(group) != 3) return 0;
  // 1 000/7 with a plain space is a mixed number or nothing.
  if (rest[0] == ' ' && absl::StartsWith(group.substr(3), "/")) return 0;
  return mark;
}

mpz_class PowerOfTen(unsigned long exponent) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), 10, exponent);
  return power;
}

constexpr size_t kMaxRepeating = 50;

// One \dot{3} or \dot 3; 0 bytes if there is none.
size_t Dotted(absl::string_view rest, char* digit) {
  const size_t before = rest.size();
  if (!absl::ConsumePrefix(&rest, "\\dot")) return 0;
  const bool is_group = absl::ConsumePrefix(&rest, "{");
  if (!is_group && !absl::ConsumePrefix(&rest, " ") && NumDigits(rest) == 0) {
    return 0;
  }
  if (NumDigits(rest) == 0) return 0;
  *digit = rest[0];
  rest.remove_prefix(1);
  if (is_group && !absl::ConsumePrefix(&rest, "}")) return 0;
  return before - rest.size();
}

// The digits that the end of `fraction` repeats before an ellipsis: 3 of 333,
// 36 of 13636; empty where it does not show what is repeated.
std::string RepeatedEnd(absl::string_view fraction) {
  for (size_t n = 1; n <= std::min(fraction.size() / 2, kMaxRepeating); ++n) {
    const absl::string_view last = fraction.substr(fraction.size() - n);
    const bool is_repeated =
        absl::EndsWith(fraction.substr(0, fraction.size() - n), last);
    // 0.577... says no more than its digits.
    const bool is_shown = n > 1 || fraction.size() == 2 ||
                          absl::EndsWith(fraction, std::string(3, last[0]));
    if (is_repeated && is_shown) return std::string(last);
  }
  return "";
}

// The digits of 16.\overline{6}, 0.\dot{1}4\dot{3}, 0.1(6) and 0.333\ldots,
// after those in `fraction`; 0 bytes if there are none.
size_t Repeating(absl::string_view rest, absl::string_view fraction,
                 std::string* digits) {
  for (absl::string_view open :
       {"\\overline{", "\\bar{", "\\overline ", "\\bar ", "("}) {
    if (!absl::StartsWith(rest, open)) continue;
    const absl::string_view inside = rest.substr(open.size());
    const size_t n = NumDigits(inside);
    if (n == 0 || n > kMaxRepeating) return 0;
    if (absl::EndsWith(open, " ")) {
      *digits = std::string(inside.substr(0, 1));
      return open.size() + 1;
    }
    if (!absl::StartsWith(inside.substr(n), open == "(" ? ")" : "}")) return 0;
    *digits = std::string(inside.substr(0, n));
    return open.size() + n + 1;
  }
  for (absl::string_view ellipsis :
       {"...", "\\ldots", "\\dots", "\\cdots", " \\ldots"}) {
    if (!absl::StartsWith(rest, ellipsis)) continue;
    *digits = RepeatedEnd(fraction);
    return digits->empty() ? 0 : ellipsis.size();
  }
  char digit = 0;
  size_t used = Dotted(rest, &digit);
  if (used == 0) return 0;
  *digits = std::string(1, digit);
  const size_t between = NumDigits(rest.substr(used));
  const size_t last = Dotted(rest.substr(used + between), &digit);
  if (last > 0 && between <= kMaxRepeating) {
    absl::StrAppend(digits, rest.substr(used, between), std::string(1, digit));
    used += between + last;
  }
  return used;
}

}  // namespace

absl::StatusOr<size_t> LexNumber(absl::string_view text,
                                 const NumberStyle& style, Token* token) {
  size_t at = NumDigits(text);
  std::string digits(text.substr(0, at));
  const size_t num_leading = digits.size();
  token->is_plain = true;
  size_t num_bytes = 0;
  std::string grouped;
  if (style.allow_groups) grouped = IndianGroups(text, &num_bytes);
  if (!grouped.empty()) {
    digits = grouped;
    at = num_bytes;
    token->is_plain = false;
  } else if (num_leading > 0 && digits != "0") {
    while (const size_t mark = NextGroup(text.substr(at), num_leading, style)) {
      digits += std::string(text.substr(at + mark, 3));
      at += mark + 3;
      token->is_plain = false;
    }
  }
  token->text = digits;
  // The point, or by option the comma.
  std::string fraction, repeating;
  const absl::string_view rest = text.substr(at);
  if (absl::StartsWith(rest, ".") ||
      (style.decimal_comma && absl::StartsWith(rest, ","))) {
    const size_t n = NumDigits(rest.substr(1));
    const size_t bar =
        Repeating(rest.substr(1 + n), rest.substr(1, n), &repeating);
    if (n > 0 || bar > 0) {
      fraction = std::string(rest.substr(1, n));
      at += 1 + n + bar;
      token->is_plain = false;
      if (bar == 0) token->decimals = static_cast<int>(n);
      absl::StrAppend(&token->text, ".", fraction);
    }
  }
  const std::string all = digits + fraction;
  if (all.size() > kMaxNumberDigits) {
    return absl::InvalidArgumentError(
        absl::StrCat("a number of ", all.size(), " digits, at most ",
                     kMaxNumberDigits, " are read"));
  }
  token->value = mpq_class(mpz_class(all.empty() ? "0" : all, 10),
                           PowerOfTen(fraction.size()));
  if (!repeating.empty()) {
    token->value += mpq_class(
        mpz_class(repeating, 10),
        PowerOfTen(fraction.size()) * (PowerOfTen(repeating.size()) - 1));
  }
  token->value.canonicalize();
  const size_t first = all.find_first_not_of('0');
  token->digits =
      first == std::string::npos ? 0 : static_cast<int>(all.size() - first);
  // 1e6, 2.5E-3.
  if (style.allow_exponent && at + 1 < text.size() &&
      (text[at] == 'e' || text[at] == 'E')) {
    size_t begin = at + 1;
    const bool is_negative = text[begin] == '-';
    if (is_negative || text[begin] == '+') ++begin;
    const size_t n = NumDigits(text.substr(begin));
    const size_t end = begin + n;
    if (n > 0 && (end == text.size() || !absl::ascii_isalpha(text[end]))) {
      if (n > 4 ||
          std::stoi(std::string(text.substr(begin, n))) > kMaxExponent) {
        return absl::InvalidArgumentError(
            absl::StrCat("an exponent beyond ", kMaxExponent));
      }
      const int exponent = std::stoi(std::string(text.substr(begin, n)));
      if (is_negative) {
        token->value /= PowerOfTen(exponent);
      } else {
        token->value *= PowerOfTen(exponent);
      }
      token->decimals = (token->decimals < 0 ? 0 : token->decimals) +
                        (is_negative ? exponent : -exponent);
      if (token->value.get_den() == 1) token->decimals = -1;
      token->is_plain = false;
      at = end;
    }
  }
  return at;
}

}  // namespace r1::math
