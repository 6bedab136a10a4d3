#include "reward/answer/number.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

constexpr absl::string_view kUnicodeMinus = "\xE2\x88\x92";  // U+2212
// 10^18 < 2^63: so many digits fit an int64.
constexpr size_t kMaxExactDigits = 18;

// A larger exponent makes no number that anybody writes out.
constexpr int kMaxExponent = 1000;

struct Decimal {
  std::string whole;     // without leading zeros; may be empty
  std::string fraction;  // without trailing zeros; may be empty
};

bool IsDigitAt(absl::string_view text, size_t at) {
  return at < text.size() && absl::ascii_isdigit(text[at]);
}

size_t SkipDigits(absl::string_view text, size_t at) {
  while (IsDigitAt(text, at)) ++at;
  return at;
}

// End of the digits at `begin`, groups of three included.
size_t WholePartEnd(absl::string_view text, size_t begin) {
  size_t end = SkipDigits(text, begin);
  if (end == begin || end - begin > 3) return end;
  while (end < text.size() && text[end] == ',' &&
         SkipDigits(text.substr(0, end + 5), end + 1) == end + 4) {
    end += 4;
  }
  return end;
}

// End of the decimal at `begin`; `begin` if there is none.
size_t DecimalEnd(absl::string_view text, size_t begin) {
  const size_t whole_end = WholePartEnd(text, begin);
  if (whole_end >= text.size() || text[whole_end] != '.') return whole_end;
  const size_t end = SkipDigits(text, whole_end + 1);
  return end == begin + 1 ? begin : end;  // a lone "." is no number
}

// End of the exponent at `begin`, "e-5"; `begin` if there is none.
size_t ExponentEnd(absl::string_view text, size_t begin) {
  size_t at = begin;
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return begin;
  ++at;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  const size_t end = SkipDigits(text, at);
  const bool is_in_word = end < text.size() && absl::ascii_isalpha(text[end]);
  return end == at || is_in_word ? begin : end;
}

// The length of the sign at the start of the text, and whether it is a minus.
size_t SignLength(absl::string_view text, bool* is_negative) {
  *is_negative = false;
  if (absl::StartsWith(text, "+")) return 1;
  if (absl::StartsWith(text, "-")) {
    *is_negative = true;
    return 1;
  }
  if (absl::StartsWith(text, kUnicodeMinus)) {
    *is_negative = true;
    return kUnicodeMinus.size();
  }
  return 0;
}

// The whole of `text` as a decimal.
std::optional<Decimal> ParseDecimal(absl::string_view text) {
  if (text.empty() || DecimalEnd(text, 0) != text.size()) return std::nullopt;
  Decimal decimal;
  const size_t point = std::min(text.find('.'), text.size());
  for (const char c : text.substr(0, point)) {
    const bool is_leading_zero = c == '0' && decimal.whole.empty();
    if (c != ',' && !is_leading_zero) decimal.whole.push_back(c);
  }
  if (point < text.size())
    decimal.fraction = std::string(text.substr(point + 1));
  while (!decimal.fraction.empty() && decimal.fraction.back() == '0') {
    decimal.fraction.pop_back();
  }
  return decimal;
}

// 10^exponent times the decimal.
Decimal Scaled(const Decimal& decimal, int exponent) {
  const std::string digits = absl::StrCat(decimal.whole, decimal.fraction);
  const int size = static_cast<int>(digits.size());
  const int point = static_cast<int>(decimal.whole.size()) + exponent;
  Decimal scaled;
  if (point <= 0) {
    scaled.fraction = std::string(-point, '0') + digits;
  } else if (point >= size) {
    scaled.whole = digits + std::string(point - size, '0');
  } else {
    scaled = {digits.substr(0, point), digits.substr(point)};
  }
  const size_t zeros =
      std::min(scaled.whole.find_first_not_of('0'), scaled.whole.size());
  scaled.whole.erase(0, zeros);
  scaled.fraction.erase(scaled.fraction.find_last_not_of('0') + 1);
  return scaled;
}

std::string ReducedFraction(int64_t numerator, int64_t denominator,
                            bool is_negative) {
  const int64_t divisor = std::gcd(numerator, denominator);
  return absl::StrCat(is_negative && numerator != 0 ? "-" : "",
                      numerator / divisor, "/", denominator / divisor);
}

int64_t PowerOfTen(size_t exponent) {
  int64_t power = 1;
  for (size_t i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// The value of at most kMaxExactDigits digits; 0 for none.
int64_t DigitsValue(absl::string_view digits) {
  int64_t value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::string CanonicalDecimal(const Decimal& decimal, bool is_negative) {
  if (decimal.whole.size() + decimal.fraction.size() <= kMaxExactDigits) {
    return ReducedFraction(
        DigitsValue(absl::StrCat(decimal.whole, decimal.fraction)),
        PowerOfTen(decimal.fraction.size()), is_negative);
  }
  return absl::StrCat(is_negative ? "-" : "", decimal.whole, ".",
                      decimal.fraction);
}

std::optional<std::string> CanonicalFraction(absl::string_view numerator,
                                             absl::string_view denominator,
                                             bool is_negative) {
  const auto upper =
      ParseDecimal(absl::StripTrailingAsciiWhitespace(numerator));
  const auto lower =
      ParseDecimal(absl::StripLeadingAsciiWhitespace(denominator));
  if (!upper.has_value() || !lower.has_value() || !upper->fraction.empty() ||
      !lower->fraction.empty() || lower->whole.empty() ||
      upper->whole.size() > kMaxExactDigits ||
      lower->whole.size() > kMaxExactDigits) {
    return std::nullopt;
  }
  return ReducedFraction(DigitsValue(upper->whole), DigitsValue(lower->whole),
                         is_negative);
}

// Whether a "-" that ends before `at` is a sign rather than an operator.
bool CanCarrySign(absl::string_view text, size_t at) {
  return at == 0 || !(absl::ascii_isalnum(text[at - 1]) || text[at - 1] == ')');
}

// `begin` moved to the sign in front of it, if there is one.
size_t WithSign(absl::string_view text, size_t begin) {
  for (const absl::string_view sign : {absl::string_view("-"), kUnicodeMinus}) {
    if (absl::EndsWith(text.substr(0, begin), sign) &&
        CanCarrySign(text, begin - sign.size())) {
      return begin - sign.size();
    }
  }
  return begin;
}

}  // namespace

std::optional<std::string> CanonicalNumber(absl::string_view text) {
  bool is_negative = false;
  text = absl::StripAsciiWhitespace(text);
  text.remove_prefix(SignLength(text, &is_negative));
  const size_t slash = text.find('/');
  if (slash != absl::string_view::npos) {
    return CanonicalFraction(text.substr(0, slash), text.substr(slash + 1),
                             is_negative);
  }
  const size_t mantissa_end = DecimalEnd(text, 0);
  const auto decimal = ParseDecimal(text.substr(0, mantissa_end));
  if (!decimal.has_value()) return std::nullopt;
  if (mantissa_end == text.size()) {
    return CanonicalDecimal(*decimal, is_negative);
  }
  int exponent = 0;
  if (ExponentEnd(text, mantissa_end) != text.size() ||
      !absl::SimpleAtoi(text.substr(mantissa_end + 1), &exponent) ||
      exponent < -kMaxExponent || exponent > kMaxExponent) {
    return std::nullopt;
  }
  return CanonicalDecimal(Scaled(*decimal, exponent), is_negative);
}

absl::string_view LastNumber(absl::string_view text) {
  absl::string_view last;
  for (size_t at = 0; at < text.size();) {
    size_t end = DecimalEnd(text, at);
    if (end == at) {
      ++at;
      continue;
    }
    end = ExponentEnd(text, end);
    if (end < text.size() && text[end] == '/' && IsDigitAt(text, end + 1)) {
      end = WholePartEnd(text, end + 1);
    }
    const size_t begin = WithSign(text, at);
    last = text.substr(begin, end - begin);
    at = end;
  }
  return last;
}

}  // namespace r1
