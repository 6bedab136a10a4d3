// Values of constants that are rational numbers, exactly.
#ifndef R1_REWARD_MATH_RATIONAL_VALUE_H_
#define R1_REWARD_MATH_RATIONAL_VALUE_H_

#include <gmpxx.h>

#include <optional>

#include "reward/math/budget.h"
#include "reward/math/tree.h"

namespace r1::math {

// Numbers of more bits than this are not formed.
inline constexpr size_t kMaxBits = 1 << 16;

// The value of a tree of numbers, sums, products, quotients, whole powers,
// exact roots, factorials, binomials, absolute values, floors and ceilings;
// nothing for other trees, for a division by zero, and beyond kMaxBits or the
// budget. A percent is a hundredth, a numeral with a base its value.
std::optional<mpq_class> RationalValue(const Node& node, Budget* budget);

// Whether a division by zero is written out in the tree.
bool DividesByZero(const Node& node, Budget* budget);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_RATIONAL_VALUE_H_
