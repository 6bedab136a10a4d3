// Exact rational numbers on 128-bit integers, every step checked for overflow.
#ifndef R1_REWARD_COUNTDOWN_RATIONAL_H_
#define R1_REWARD_COUNTDOWN_RATIONAL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// In lowest terms with a positive denominator, so equal values are equal
// members. No operation can overflow silently: those that would leave 128 bits
// return nothing.
class Rational {
 public:
  explicit Rational(int64_t value = 0) : numerator_(value), denominator_(1) {}

  // Nothing on overflow.
  static std::optional<Rational> Add(const Rational& a, const Rational& b);
  static std::optional<Rational> Subtract(const Rational& a, const Rational& b);
  static std::optional<Rational> Multiply(const Rational& a, const Rational& b);
  // Nothing on overflow; b must not be zero.
  static std::optional<Rational> Divide(const Rational& a, const Rational& b);
  Rational Negated() const { return {-numerator_, denominator_}; }

  bool IsZero() const { return numerator_ == 0; }
  // "22", "-7/3".
  std::string ToString() const;

  friend bool operator==(const Rational& a, const Rational& b) = default;

 private:
  using Int = __int128;
  Rational(Int numerator, Int denominator)
      : numerator_(numerator), denominator_(denominator) {}
  // Nothing if the numerator is the lowest value. denominator > 0.
  static std::optional<Rational> Reduced(Int numerator, Int denominator);

  // Never the lowest 128-bit value, which has no negative.
  Int numerator_;
  Int denominator_;
};

}  // namespace r1

#endif  // R1_REWARD_COUNTDOWN_RATIONAL_H_
