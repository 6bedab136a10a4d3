// Whether the output of a program is the expected one. Linear time but for the
// unordered rules, which sort.
#ifndef R1_REWARD_CODE_COMPARE_H_
#define R1_REWARD_CODE_COMPARE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

enum class CompareRule {
  kTokens,           // equal words, whatever white space is between them
  kExact,            // equal bytes
  kLines,            // equal lines, without white space at their ends and
                     // without empty lines at the end
  kFloats,           // tokens; numbers within the tolerance however they are
                     // spelled, but two integers must be the same
  kCaseInsensitive,  // tokens, ASCII case aside
  kUnorderedLines,   // lines in any order
  kUnorderedTokens,  // tokens in any order
};

// "tokens", "exact", "lines", "floats", "case_insensitive", "unordered_lines",
// "unordered_tokens". Errors: InvalidArgument naming them.
absl::StatusOr<CompareRule> ParseCompareRule(absl::string_view name);

// Largest absolute, or for numbers beyond 1 relative, error.
inline constexpr double kFloatTolerance = 1e-6;

bool OutputMatches(absl::string_view expected, absl::string_view got,
                   CompareRule rule, double tolerance = kFloatTolerance);

}  // namespace r1

#endif  // R1_REWARD_CODE_COMPARE_H_
