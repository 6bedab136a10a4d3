// The words of Chinese that stand beside numbers.
#ifndef R1_REWARD_MATH_CHINESE_H_
#define R1_REWARD_MATH_CHINESE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "reward/math/symbols.h"

namespace r1::math {

// The word at the start of `text` as plain words or LaTeX: a unit as its
// English name, "or" and "and"; nothing for a counter (3 个), which a number
// does not need. num_bytes is 0 for other words, and for units and counters
// that are not `after_amount`.
Character FindChineseWord(absl::string_view text, bool after_amount);

// 3 for the circled 3; 0 for other characters. All have three bytes.
int CircledNumber(absl::string_view text);
// Whether one stands anywhere in the text.
bool HasCircledNumber(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_CHINESE_H_
