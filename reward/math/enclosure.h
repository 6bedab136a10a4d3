// Scalars in ball arithmetic (Arb): every value comes with a proven error, so
// that "different" is a proof and "equal" an agreement to 50 digits.
#ifndef R1_REWARD_MATH_ENCLOSURE_H_
#define R1_REWARD_MATH_ENCLOSURE_H_

#include <gmpxx.h>

#include <optional>

#include "reward/math/budget.h"
#include "reward/math/tree.h"

namespace r1::math {

struct SamplingOptions {
  // Variables are positive: sqrt(x^2) = x. Otherwise they take both signs, at
  // points where no even root or logarithm of a negative number occurs (where
  // there are such points: else the principal values are compared).
  bool positive_variables = false;
};

// Compares two scalars at deterministic pseudo-random points.
Equality CompareAtPoints(const Node& a, const Node& b,
                         const SamplingOptions& options, Budget* budget);

// Whether f / g is one constant other than 0 at those points; with
// `same_sign`, a positive one.
Equality CompareRatio(const Node& f, const Node& g, bool same_sign,
                      const SamplingOptions& options, Budget* budget);

// Whether |constant - centre| <= radius; nothing if that cannot be told.
std::optional<bool> IsWithin(const Node& constant, const mpq_class& centre,
                             const mpq_class& radius, Budget* budget);

// The sign of a - b for real constants (infinities are no constants); 0 if they
// agree to 50 digits; nothing if that cannot be told.
std::optional<int> CompareConstants(const Node& a, const Node& b,
                                    Budget* budget);

// Whether the tree has a variable or an unknown function in it.
bool HasVariable(const Node& node);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_ENCLOSURE_H_
