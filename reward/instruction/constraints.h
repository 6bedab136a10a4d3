// Constraints on an answer that a program can verify: which words, how many, in
// which order, case and form.
#ifndef R1_REWARD_INSTRUCTION_CONSTRAINTS_H_
#define R1_REWARD_INSTRUCTION_CONSTRAINTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// An answer as constraints see it.
struct AnswerWords {
  std::string text;  // runs of ASCII white space as one space, none at the ends
  // Words are runs of letters, digits, "'", "-" and "_" with a letter or digit
  // among them; a Han or kana character is one of its own.
  std::vector<std::string> words;
  std::vector<std::string> lower;  // the same in lower case (ASCII)
};

// Linear in the answer.
AnswerWords ReadWords(absl::string_view answer);

struct Constraint {
  std::string name;
  std::function<bool(const AnswerWords&)> holds;
};

// Of a reference {"constraints": {NAME: VALUE, …}}, one at least:
//   words  list of texts  they are the answer's words, in this order
//   of     list of texts  each of its words is one of these, and none more
//                         often than it stands there
//   count  0 or more      it has so many words
//   order  "alphabet"     no word comes before the previous one (bytes of the
//                         lower-case words)
//   case   "lower", "upper"  no ASCII letter of the other case
//   form   "plain"        its words with single spaces between them, "a b c"
//          "commas"       "a, b, c"
//          "brackets"     "(a b c)"
// `words` and `of` do not look at case. Every constraint is judged for itself.
// Sorted by name. Errors: InvalidArgument naming the constraint, what was
// expected and got.
absl::StatusOr<std::vector<Constraint>> ConstraintsReference(
    absl::string_view json);

}  // namespace r1

#endif  // R1_REWARD_INSTRUCTION_CONSTRAINTS_H_
