// Numerals: thousands marks, decimals, repeating decimals, exponents.
#ifndef R1_REWARD_MATH_NUMBER_TOKEN_H_
#define R1_REWARD_MATH_NUMBER_TOKEN_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/math/token.h"

namespace r1::math {

struct NumberStyle {
  bool decimal_comma = false;
  bool allow_groups = true;    // 1,000; {,} and ",\!" are read anywhere
  bool allow_spaces = true;    // 1 000
  bool allow_exponent = true;  // 1e6
};

// Reads the numeral that `text` begins with (a digit, or a point and a digit)
// into *token and returns its length in bytes.
// Errors: InvalidArgument beyond kMaxNumberDigits, or a huge exponent.
absl::StatusOr<size_t> LexNumber(absl::string_view text,
                                 const NumberStyle& style, Token* token);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_NUMBER_TOKEN_H_
