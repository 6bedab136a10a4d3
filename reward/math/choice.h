// Letters that choose one or several of the options of a question.
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

// The choice that all of `text` is: "B", "(B)", "\\text{B}.", "B) 42",
// "(B) 42", "B: 42", "Option B", "B is correct". Nothing for other texts, and
// where a second letter is marked like the first.
std::optional<Choice> FindChoice(absl::string_view text);

// The letters of a text that is nothing but letters, all different, as
// written: "AD" for "A, D", "(A)(D)", "A and D", "AD". "A or D" is none.
std::optional<std::string> FindLetters(absl::string_view text);

// The letters that an answer chooses, in their order, also in lower case and
// at the end of its last line: "b, since ...", "The best choice is C". Nothing
// where the sentence says that they are wrong.
std::optional<std::string> ReadChoice(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_MATH_CHOICE_H_
