#include "reward/countdown/rational.h"

#include <algorithm>

#include "base/check.h"

namespace r1 {
namespace {

using Int = __int128;

// Greatest common divisor of the absolute values; not both zero.
Int Gcd(Int a, Int b) {
  if (a < 0) a = -a;
  if (b < 0) b = -b;
  while (b != 0) {
    const Int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

bool IsLowest(Int value) {
  return value == static_cast<Int>(static_cast<unsigned __int128>(1) << 127);
}

std::string IntToString(Int value) {
  if (value == 0) return "0";
  const bool is_negative = value < 0;
  if (is_negative) value = -value;
  std::string digits;
  for (; value != 0; value /= 10) {
    digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
  }
  if (is_negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace

std::optional<Rational> Rational::Reduced(Int numerator, Int denominator) {
  if (IsLowest(numerator)) return std::nullopt;
  const Int divisor = Gcd(numerator, denominator);
  return Rational(numerator / divisor, denominator / divisor);
}

std::optional<Rational> Rational::Add(const Rational& a, const Rational& b) {
  // a/(g p) + c/(g q) = (a q + c p) / (g p q), the smallest denominator.
  const Int divisor = Gcd(a.denominator_, b.denominator_);
  const Int p = a.denominator_ / divisor;
  const Int q = b.denominator_ / divisor;
  Int left, right, numerator, denominator;
  if (__builtin_mul_overflow(a.numerator_, q, &left) ||
      __builtin_mul_overflow(b.numerator_, p, &right) ||
      __builtin_add_overflow(left, right, &numerator) ||
      __builtin_mul_overflow(a.denominator_, q, &denominator)) {
    return std::nullopt;
  }
  return Reduced(numerator, denominator);
}

std::optional<Rational> Rational::Subtract(const Rational& a,
                                           const Rational& b) {
  return Add(a, b.Negated());
}

std::optional<Rational> Rational::Multiply(const Rational& a,
                                           const Rational& b) {
  // Cancelled crosswise first, so that only a true overflow overflows.
  const Int divisor1 = Gcd(a.numerator_, b.denominator_);
  const Int divisor2 = Gcd(b.numerator_, a.denominator_);
  Int numerator, denominator;
  if (__builtin_mul_overflow(a.numerator_ / divisor1, b.numerator_ / divisor2,
                             &numerator) ||
      __builtin_mul_overflow(a.denominator_ / divisor2,
                             b.denominator_ / divisor1, &denominator)) {
    return std::nullopt;
  }
  return Reduced(numerator, denominator);
}

std::optional<Rational> Rational::Divide(const Rational& a, const Rational& b) {
  R1_CHECK(!b.IsZero(), "the caller excludes division by zero");
  Rational inverse(b.denominator_, b.numerator_);
  if (inverse.denominator_ < 0) {
    inverse = Rational(-inverse.numerator_, -inverse.denominator_);
  }
  return Multiply(a, inverse);
}

std::string Rational::ToString() const {
  const std::string numerator = IntToString(numerator_);
  if (denominator_ == 1) return numerator;
  return numerator + "/" + IntToString(denominator_);
}

}  // namespace r1
