// Spellings: what commands, characters and words mean the same.
#ifndef R1_REWARD_MATH_SYMBOLS_H_
#define R1_REWARD_MATH_SYMBOLS_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace r1::math {

// How a LaTeX command is read.
enum class CommandRole {
  kUnknown,
  kSkip,      // spacing and size: no meaning
  kSymbol,    // `text` is the token, such as "<="
  kCommand,   // `text` is the name the parser knows
  kText,      // its group holds words
  kFormat,    // its group is read as if it were not there
  kSkipNext,  // takes a group that is not shown
};
struct CommandMeaning {
  CommandRole role = CommandRole::kUnknown;
  absl::string_view text = {};
};
CommandMeaning FindCommand(absl::string_view name);

// A character beyond ASCII at the start of `text`: its bytes and the ASCII or
// LaTeX it stands for; 0 bytes if it is not known.
struct Character {
  int num_bytes = 0;
  absl::string_view latex = {};
};
Character FindCharacter(absl::string_view text);

// Bytes of the character beyond ASCII at the start of `text` if it belongs to
// words: a letter that is no mathematical symbol, a quotation mark, a currency;
// else 0.
size_t ProseCharacter(absl::string_view text);

// The command that a word is also without a backslash: "sin", "sqrt", "pi",
// and "arctan" for "atan"; empty: none.
absl::string_view PlainCommand(absl::string_view word);

// sin, log, max, ...: commands that take an argument.
bool IsFunction(absl::string_view name);

// Greek letters and the like, which are variables.
bool IsGreek(absl::string_view name);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_SYMBOLS_H_
