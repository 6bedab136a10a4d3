// What is said around an answer and is no part of it.
#ifndef R1_REWARD_MATH_REMARKS_H_
#define R1_REWARD_MATH_REMARKS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// Without "Therefore, ", "Answer: " or "= " at the start of a sentence.
absl::string_view WithoutOpener(absl::string_view text);

// `text` without "\text{The answer is }" before it, a tick behind it, and an
// approximation in brackets at its end: "10\sqrt2 (\approx 14.14)". A unit in
// brackets, "16 \text{ (cm)}", loses its brackets. Other texts as they are.
std::string WithoutRemarks(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_REMARKS_H_
