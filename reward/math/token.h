// The symbols of an answer: LaTeX and plain text in one alphabet.
#ifndef R1_REWARD_MATH_TOKEN_H_
#define R1_REWARD_MATH_TOKEN_H_

#include <gmpxx.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1::math {

inline constexpr size_t kMaxAnswerBytes = 8192;
inline constexpr size_t kMaxTokens = 4096;
inline constexpr size_t kMaxNumberDigits = 5000;

enum class TokenKind {
  kNumber,   // text: the digits as written, without separators
  kName,     // a variable: one letter, or capitals such as AB
  kCommand,  // text: "frac", "sin", "pi", ...: one name for all spellings
  kText,     // words
  kSymbol,   // text: "+", "<=", "(", ...
  kEnd,
};

struct Token {
  TokenKind kind;
  std::string text = {};
  bool space_before = false;
  // Of numbers:
  mpq_class value = 0;
  int decimals = -1;
  int digits = 0;         // significant
  bool is_plain = false;  // an integer of digits alone, which \frac may split
};

// Whether m, s, K behind a number are units in place of variables.
enum class UnitLetters {
  kNone,
  kSpaced,  // 5 m is, 5m is not
  kAll,
};

struct LexOptions {
  bool decimal_comma = false;  // 1,5 is one and a half
  UnitLetters unit_letters = UnitLetters::kNone;
};

// All of `source` as tokens, kEnd last. Dollar signs are math delimiters, and
// dropped, where their number is even; otherwise they are currency.
// Errors: InvalidArgument: a byte or command that is not known, a limit.
absl::StatusOr<std::vector<Token>> Lex(absl::string_view source,
                                       const LexOptions& options);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_TOKEN_H_
