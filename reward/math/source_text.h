// The text of an answer before it is cut into symbols.
#ifndef R1_REWARD_MATH_SOURCE_TEXT_H_
#define R1_REWARD_MATH_SOURCE_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1::math {

// The text in ASCII: characters beyond it as the LaTeX they stand for, and
// backslashes that were doubled single again.
// Errors: InvalidArgument: a character that stands for nothing known.
absl::StatusOr<std::string> ToPlainLatex(absl::string_view text);

// Whether a backslash stands before letters.
bool HasCommand(absl::string_view text);

// Whether there is a command of mathematics, not of words, fonts or spaces.
bool HasFormulaCommand(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_SOURCE_TEXT_H_
