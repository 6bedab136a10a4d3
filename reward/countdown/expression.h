// Arithmetic expressions written by a model, parsed and evaluated exactly.
// Nothing is executed: this is a parser for one small grammar.
#ifndef R1_REWARD_COUNTDOWN_EXPRESSION_H_
#define R1_REWARD_COUNTDOWN_EXPRESSION_H_

#include <gmpxx.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// Beyond these an expression is refused, whatever its value.
inline constexpr size_t kMaxExpressionBytes = 1024;
inline constexpr int kMaxExpressionDepth = 32;  // nested parentheses
inline constexpr size_t kMaxLiteralDigits = 18;

struct Expression {
  mpq_class value;               // exact, in lowest terms
  std::vector<int64_t> numbers;  // the literals, from left to right
};

// The whole of `text` as
//   sum     = ["-"] product { ("+" | "-") product }
//   product = factor { ("*" | "/") factor }
//   factor  = literal | "(" sum ")"
//   literal = digits without a leading zero (or "0")
// with ASCII white space between symbols, U+00D7 for "*", U+00F7 for "/" and
// U+2212 for "-". So a sign stands only at the start or after "(", and there
// are no powers, decimals, thousands commas, or products without "*".
// Errors: InvalidArgument (says what and at which byte).
absl::StatusOr<Expression> ParseExpression(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_COUNTDOWN_EXPRESSION_H_
