// One total parser for LaTeX and plain text: all of the input is consumed, or
// the input is no formula. Nothing is evaluated.
#ifndef R1_REWARD_MATH_PARSE_H_
#define R1_REWARD_MATH_PARSE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/math/token.h"
#include "reward/math/tree.h"

namespace r1::math {

inline constexpr int kMaxDepth = 60;  // nested groups

// The tree of a whole answer. Where the grammar of mathematics is ambiguous:
//   1\frac12, 1 1/2   are mixed numbers      1/2x  is (1/2) x
//   f(x), W(n)        apply a function       x(x+1)  multiplies
//   sin 2x cos x      is sin(2x) cos(x)      sin x^2  is sin(x^2)
//   1,234             is one number outside brackets, 1, 234 a list
//   {1,2}             groups, so is a list;  \{1,2\}  is a set
//   AB                is one name            ab  is a b
// Words are Kind::kText, after a number its unit.
// Errors: InvalidArgument: what was expected and found.
absl::StatusOr<NodePtr> ParseFormula(absl::string_view source,
                                     const LexOptions& options);

// What `source` says as words: lower case, LaTeX's braces and text commands,
// punctuation and a leading article dropped, one space between words.
// With `keep_case` letters keep theirs.
std::string TextForm(absl::string_view source, bool keep_case = false);

// Whether `source` can be taken as words: letters, digits and punctuation, no
// operators, no command but those for text, braces balanced.
bool IsTextLike(absl::string_view source);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_PARSE_H_
