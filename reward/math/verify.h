// Is the answer of a completion the gold? Exact where that is possible,
// certified otherwise, never by a float's tolerance.
#ifndef R1_REWARD_MATH_VERIFY_H_
#define R1_REWARD_MATH_VERIFY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/math/options.h"
#include "reward/math/tree.h"

namespace r1 {

enum class MathVerdict {
  kCorrect,
  kIncorrect,
  kAbstain,  // the gold cannot be used: no reward at all
  kError,    // the verifier's own fault
};

struct MathResult {
  MathVerdict verdict = MathVerdict::kError;
  std::string reason;  // one line
  // Canonical forms, as LaTeX, of what was compared; empty where there is none.
  std::string gold;
  std::string answer;
};

// A function of its arguments alone: no clock, no file, no state. Work is
// bounded by math::Budget and by the limits of the parser, so no input hangs;
// time is linear in the completion.
// Threads: may be called from any number of threads.
MathResult VerifyMath(absl::string_view completion, absl::string_view gold,
                      const MathOptions& options);

namespace math {

// An answer as a tree: a formula, or words (Kind::kText). A box or dollars
// around it are taken off; so is a sentence about it ("The largest n is 34.")
// where sentences are allowed.
// Errors: InvalidArgument: neither a formula nor words.
absl::StatusOr<NodePtr> ReadAnswer(absl::string_view text,
                                   const MathOptions& options,
                                   bool allow_sentences = true);

}  // namespace math
}  // namespace r1

#endif  // R1_REWARD_MATH_VERIFY_H_
