// Where a completion's answer stands.
#ifndef R1_REWARD_MATH_EXTRACT_H_
#define R1_REWARD_MATH_EXTRACT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "reward/math/options.h"

namespace r1 {

struct MathAnswer {
  std::optional<std::string> text;  // never blank
  std::string problem = {};         // why there is none
};

// The answer of a completion by the mode of the options, and no other way.
// Reasoning between think tags is left out; reasoning that is not closed holds
// no answer. A last box that is not closed is no answer, whatever stands
// before it. Linear in the text.
MathAnswer ExtractMathAnswer(absl::string_view completion,
                             const MathOptions& options);

// The content of the last box of `text`; of several boxes joined by "and", "or"
// or a comma, all of them as a list.
MathAnswer LastBox(absl::string_view text, BoxPolicy policy);

}  // namespace r1

#endif  // R1_REWARD_MATH_EXTRACT_H_
