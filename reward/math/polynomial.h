// Quotients of polynomials with integer coefficients, on FLINT: the exact
// normal form. Generators are variables, pi, e, i and roots of primes.
#ifndef R1_REWARD_MATH_POLYNOMIAL_H_
#define R1_REWARD_MATH_POLYNOMIAL_H_

#include <optional>

#include "reward/math/budget.h"
#include "reward/math/tree.h"

namespace r1::math {

// Whether two scalars are equal as quotients of polynomials. kUnknown when a
// tree is none (functions, roots of variables, symbolic exponents), beyond the
// budget, and for different forms whose roots are not all square roots.
// pi and e are taken as independent of each other.
Equality CompareAsQuotients(const Node& a, const Node& b, Budget* budget);

// Whether f = 0 and g = 0 say the same: the numerators of f and g differ by a
// rational factor other than 0. kUnknown as above.
Equality CompareAsEquations(const Node& f, const Node& g, Budget* budget);

// A text that equal quotients of polynomials share; nothing for other trees.
std::optional<std::string> QuotientKey(const Node& node, Budget* budget);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_POLYNOMIAL_H_
