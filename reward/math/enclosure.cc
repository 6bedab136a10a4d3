#include "reward/math/enclosure.h"

#include "reward/math/evaluator.h"
#include "reward/math/rational_value.h"

namespace r1::math {
namespace {

// Agreement to 50 digits: an error of at most 2^-170, relative to values below
// 1; a large value must agree in what stands after its point too, or
// 2^{1000} + 1 would be 2^{1000}.
constexpr long kAgreementBits = 170;
constexpr int kFewestPoints = 3;

// Whether the two balls are apart, or overlap and are narrow enough.
Equality CompareBalls(const Ball& a, const Ball& b, long precision) {
  Ball difference;
  acb_sub(difference.get(), a.get(), b.get(), precision);
  if (!acb_contains_zero(difference.get())) return Equality::kDifferent;
  mag_t size, error;
  mag_init(size);
  mag_init(error);
  acb_get_mag(size, a.get());
  acb_get_mag(error, difference.get());
  // Two values that may both be 0 have no relative error: 2^-170 itself then.
  const bool may_be_zero =
      acb_contains_zero(a.get()) && acb_contains_zero(b.get());
  if (may_be_zero || mag_cmp_2exp_si(size, 0) > 0) mag_one(size);
  mag_mul_2exp_si(size, size, -kAgreementBits);
  const bool is_narrow = mag_cmp(error, size) <= 0;
  mag_clear(size);
  mag_clear(error);
  return is_narrow ? Equality::kEqual : Equality::kUnknown;
}

// Evaluates both at one point; kUnknown when either has no value there.
struct Pair {
  Ball a, b;
  bool is_valid = false;
  bool in_domain = false;
};

void EvaluatePair(const Node& a, const Node& b, const EvaluationPoint& point,
                  Budget* budget, Pair* pair) {
  Evaluator left(point, budget), right(point, budget);
  pair->is_valid = left.Evaluate(a, &pair->a) && right.Evaluate(b, &pair->b);
  pair->in_domain = !left.left_real_domain() && !right.left_real_domain();
}

// Runs `test` on the values of two constants; more digits may part a divisor
// from 0, or show what a large value hides.
template <typename Test>
Equality AtConstants(const Node& a, const Node& b, Budget* budget, Test test) {
  Equality verdict = Equality::kUnknown;
  for (const long precision : {256, 1024, 4096}) {
    Pair pair;
    EvaluatePair(a, b, {nullptr, 0, precision}, budget, &pair);
    if (budget->IsSpent()) return Equality::kUnknown;
    if (!pair.is_valid) continue;
    verdict = test(pair.a, pair.b, precision);
    if (verdict != Equality::kUnknown) break;
  }
  return verdict;
}

// Runs `test` on the values at points inside the real domain, or at any points
// where fewer than three are inside. kDifferent at one of them decides; points
// that say nothing do not count.
template <typename Test>
Equality AtPoints(const Node& a, const Node& b, const SamplingOptions& options,
                  Budget* budget, Test test) {
  if (!HasVariable(a) && !HasVariable(b)) {
    return AtConstants(a, b, budget, test);
  }
  const SamplePoints points(a, b, options.positive_variables);
  for (const bool any_domain : {false, true}) {
    int found = 0;
    for (int i = 0; i < points.num_points() && found < points.num_wanted();
         ++i) {
      Equality verdict = Equality::kUnknown;
      for (const long precision : {256, 1024}) {
        Pair pair;
        EvaluatePair(a, b, {&points, i, precision}, budget, &pair);
        if (budget->IsSpent()) return Equality::kUnknown;
        if (!pair.is_valid || (!any_domain && !pair.in_domain)) break;
        verdict = test(pair.a, pair.b, precision);
        if (verdict != Equality::kUnknown) break;
      }
      if (verdict == Equality::kDifferent) return verdict;
      if (verdict == Equality::kEqual) ++found;
    }
    if (found >= kFewestPoints) return Equality::kEqual;
  }
  return Equality::kUnknown;
}

}  // namespace

bool HasVariable(const Node& node) {
  return AnyNode(node, [](const Node& part) {
    return part.kind == Kind::kSymbol ||
           (part.kind == Kind::kCall && !IsKnownFunction(part.name));
  });
}

Equality CompareAtPoints(const Node& a, const Node& b,
                         const SamplingOptions& options, Budget* budget) {
  return AtPoints(a, b, options, budget, CompareBalls);
}

Equality CompareRatio(const Node& f, const Node& g, bool same_sign,
                      const SamplingOptions& options, Budget* budget) {
  Ball ratio;
  bool is_first = true;
  return AtPoints(
      f, g, options, budget, [&](const Ball& a, const Ball& b, long precision) {
        if (acb_contains_zero(a.get()) || acb_contains_zero(b.get())) {
          // Where one alone is 0 they are no multiples.
          return acb_is_zero(a.get()) != acb_is_zero(b.get()) &&
                         !(acb_contains_zero(a.get()) &&
                           acb_contains_zero(b.get()))
                     ? Equality::kDifferent
                     : Equality::kUnknown;
        }
        Ball quotient;
        acb_div(quotient.get(), a.get(), b.get(), precision);
        if (same_sign && !(acb_is_real(quotient.get()) &&
                           arb_is_positive(acb_realref(quotient.get())))) {
          return Equality::kDifferent;
        }
        if (!is_first) return CompareBalls(quotient, ratio, precision);
        is_first = false;
        acb_set(ratio.get(), quotient.get());
        return Equality::kEqual;
      });
}

std::optional<bool> IsWithin(const Node& constant, const mpq_class& centre,
                             const mpq_class& radius, Budget* budget) {
  const auto exact = RationalValue(constant, budget);
  if (exact.has_value()) return abs(*exact - centre) <= radius;
  Ball value;
  if (HasVariable(constant) ||
      !Evaluator({}, budget).Evaluate(constant, &value)) {
    return std::nullopt;
  }
  if (!arb_contains_zero(acb_imagref(value.get()))) return false;
  Ball difference, bound;
  SetRational(centre, 256, &bound);
  acb_sub(difference.get(), value.get(), bound.get(), 256);
  arb_struct* error = acb_realref(difference.get());
  arb_abs(error, error);
  SetRational(radius, 256, &bound);
  std::optional<bool> is_within;
  if (arb_lt(error, acb_realref(bound.get()))) is_within = true;
  if (arb_gt(error, acb_realref(bound.get()))) is_within = false;
  return is_within;
}

std::optional<int> CompareConstants(const Node& a, const Node& b,
                                    Budget* budget) {
  const auto p = RationalValue(a, budget);
  const auto q = RationalValue(b, budget);
  if (p.has_value() && q.has_value()) return sgn(*p - *q);
  if (HasVariable(a) || HasVariable(b)) return std::nullopt;
  Pair pair;
  EvaluatePair(a, b, {}, budget, &pair);
  if (!pair.is_valid || !arb_contains_zero(acb_imagref(pair.a.get())) ||
      !arb_contains_zero(acb_imagref(pair.b.get()))) {
    return std::nullopt;
  }
  const arb_struct* x = acb_realref(pair.a.get());
  const arb_struct* y = acb_realref(pair.b.get());
  if (arb_lt(x, y)) return -1;
  if (arb_gt(x, y)) return 1;
  if (CompareBalls(pair.a, pair.b, 256) == Equality::kEqual) return 0;
  return std::nullopt;
}

}  // namespace r1::math
