#include "reward/math/polynomial_ring.h"

#include <flint/fmpz.h>
#include <flint/fmpz_factor.h>
#include <flint/ulong_extras.h>

#include <numeric>

#include "reward/math/rational_value.h"

namespace r1::math {
namespace {

// Powers of roots and of i as low as they can be: g^order = prime, i^2 = -1.
void Reduce(Poly* poly) {
  const Ring& ring = poly->ring();
  const int imaginary = ring.imaginary();
  if (imaginary < 0 && ring.roots().empty()) return;
  Poly reduced(ring);
  std::vector<ulong> exponents(ring.num_generators());
  mpz_class scale;
  fmpz_t coefficient, factor;
  fmpz_init(coefficient);
  fmpz_init(factor);
  for (long i = 0; i < poly->NumTerms(); ++i) {
    fmpz_mpoly_get_term_coeff_fmpz(coefficient, poly->get(), i, ring.context());
    fmpz_mpoly_get_term_exp_ui(exponents.data(), poly->get(), i,
                               ring.context());
    for (const auto& [prime, root] : ring.roots()) {
      fmpz_set_ui(factor, prime);
      fmpz_pow_ui(factor, factor, exponents[root.index] / root.order);
      fmpz_mul(coefficient, coefficient, factor);
      exponents[root.index] %= root.order;
    }
    if (imaginary >= 0) {
      if (exponents[imaginary] % 4 >= 2) fmpz_neg(coefficient, coefficient);
      exponents[imaginary] %= 2;
    }
    fmpz_mpoly_push_term_fmpz_ui(reduced.get(), coefficient, exponents.data(),
                                 ring.context());
  }
  fmpz_clear(coefficient);
  fmpz_clear(factor);
  fmpz_mpoly_sort_terms(reduced.get(), ring.context());
  fmpz_mpoly_combine_like_terms(reduced.get(), ring.context());
  *poly = reduced;
}

}  // namespace

bool Factor(const mpz_class& value, std::vector<std::pair<ulong, int>>* primes,
            Budget* budget) {
  mpz_class magnitude = abs(value);
  if (!magnitude.fits_ulong_p() || !budget->Spend(2000)) return false;
  n_factor_t factors;
  n_factor_init(&factors);
  n_factor(&factors, magnitude.get_ui(), 1);
  for (int i = 0; i < factors.num; ++i) {
    primes->emplace_back(factors.p[i], static_cast<int>(factors.exp[i]));
  }
  return true;
}

std::optional<Surd> AsSurd(const Node& node, Budget* budget) {
  if (node.kind != Kind::kRoot && node.kind != Kind::kPower) {
    return std::nullopt;
  }
  const auto base = RationalValue(*node.args[0], budget);
  auto exponent = RationalValue(*node.args[1], budget);
  if (!base.has_value() || !exponent.has_value() || *base == 0) {
    return std::nullopt;
  }
  if (node.kind == Kind::kRoot) {
    if (exponent->get_den() != 1 || *exponent < 1) return std::nullopt;
    *exponent = 1 / *exponent;
  }
  if (exponent->get_den() > kMaxRootOrder || abs(exponent->get_num()) > 1000) {
    return std::nullopt;
  }
  Surd surd{*base, exponent->get_num().get_si(),
            static_cast<int>(exponent->get_den().get_si())};
  // Roots of negative numbers: the square root, and real roots of odd order.
  if (surd.base < 0 && surd.order != 2 &&
      (node.kind == Kind::kPower || surd.order % 2 == 0)) {
    return std::nullopt;
  }
  return surd;
}

bool Ring::Collect(const Node& node, Budget* budget) {
  if (!budget->Spend(1)) return false;
  switch (node.kind) {
    case Kind::kNumber:
    case Kind::kBased:
      return true;
    case Kind::kSymbol:
      names_[node.name] = 0;
      return names_.size() <= kMaxGenerators;
    case Kind::kConstant:
      if (node.name == "infinity") return false;
      names_[node.name] = 0;
      return true;
    case Kind::kNegate:
    case Kind::kPercent:
    case Kind::kSum:
    case Kind::kProduct:
    case Kind::kDivide:
      return std::all_of(
          node.args.begin(), node.args.end(),
          [&](const NodePtr& arg) { return Collect(*arg, budget); });
    case Kind::kDegrees:  // a turn of pi / 180
      names_["pi"] = 0;
      return Collect(*node.args[0], budget);
    case Kind::kPower:
    case Kind::kRoot: {
      if (RationalValue(node, budget).has_value()) return true;
      const auto surd = AsSurd(node, budget);
      if (surd.has_value() && surd->order > 1) {
        if (surd->base < 0 && surd->order == 2) names_["i"] = 0;
        std::vector<std::pair<ulong, int>> primes;
        if (!Factor(surd->base.get_num(), &primes, budget) ||
            !Factor(surd->base.get_den(), &primes, budget)) {
          return false;
        }
        for (const auto& [prime, exponent] : primes) {
          if (exponent % surd->order == 0) continue;
          Root& root = roots_[prime];
          root.order = std::lcm(root.order, surd->order);
          if (root.order > kMaxRootOrder) return false;
        }
        return roots_.size() <= kMaxGenerators;
      }
      if (node.kind == Kind::kRoot) return false;
      const auto exponent = RationalValue(*node.args[1], budget);
      return exponent.has_value() && exponent->get_den() == 1 &&
             abs(exponent->get_num()) <= 4 * kMaxPower &&
             Collect(*node.args[0], budget);
    }
    case Kind::kCall:
      return RationalValue(node, budget).has_value();
    default:
      return false;
  }
}

bool Multiply(const Poly& a, const Poly& b, Poly* out, Budget* budget) {
  const long bits = a.Bits() + b.Bits();
  const long terms = a.NumTerms() * b.NumTerms();
  if (bits > static_cast<long>(kMaxBits) || terms > kMaxTerms * 10 ||
      !budget->Spend(3 + terms * (2 + bits / 64))) {
    return false;
  }
  fmpz_mpoly_mul(out->get(), a.get(), b.get(), a.context());
  Reduce(out);
  return out->NumTerms() <= kMaxTerms;
}

}  // namespace r1::math
