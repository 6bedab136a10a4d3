// Letters that choose one of several options.
#ifndef R1_REWARD_MATH_CHOICE_H_
#define R1_REWARD_MATH_CHOICE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

struct Choice {
  char letter = 'A';      // A to J
  std::string text = {};  // of the option, as written; empty: a lone letter
};

// The choice that `text` is: "B", "(B)", "\\text{B}.", "B) 42", "(B) 42",
// "B: 42", "Option B". Nothing for other texts, and where a second letter is
// marked like the first.
std::optional<Choice> FindChoice(absl::string_view text);

// The letter of a choice in any case, also before a comma: "b, since ...".
std::optional<std::string> ChoiceLetter(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_MATH_CHOICE_H_
