// Texts that changed on their way here: by an input method, by a language that
// took LaTeX's backslashes for escapes, by a list that was printed.
#ifndef R1_REWARD_MATH_MENDED_TEXT_H_
#define R1_REWARD_MATH_MENDED_TEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// What a text is part of: in an answer a tab before "imes" was \times; in a
// completion it is a tab.
enum class TextRole { kAnswer, kCompletion };

// `text` with full-width characters in ASCII ("１２" is "12") and with the
// commands that a JSON or Python string had turned into control characters: a
// form feed before "rac" was \frac. Idempotent, linear.
std::string MendedText(absl::string_view text, TextRole role);

// The first command in a gold of which the backslash and a letter are lost for
// good, as "rac{", or may be, as a tab before "imes"; empty: none.
absl::string_view LostCommand(absl::string_view text);

// "3, 5" for a list of strings as JSON and Python print it: ["3", "5"] or
// ['3', '5'].
std::optional<std::string> PrintedList(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_MENDED_TEXT_H_
