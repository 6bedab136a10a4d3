#include "reward/math/polynomial.h"

#include <flint/fmpz.h>
#include <flint/fmpz_mpoly.h>
#include <flint/fmpz_vec.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reward/math/polynomial_ring.h"
#include "reward/math/rational_value.h"

namespace r1::math {
namespace {

struct Quotient {
  Poly top;
  Poly bottom;
};

class Converter {
 public:
  Converter(const Ring& ring, Budget* budget) : ring_(ring), budget_(budget) {}

  std::optional<Quotient> Convert(const Node& node);

 private:
  std::optional<Quotient> FromRational(const mpq_class& value) {
    Quotient q{Poly(ring_), Poly(ring_)};
    fmpz_t integer;
    fmpz_init(integer);
    fmpz_set_mpz(integer, value.get_num_mpz_t());
    fmpz_mpoly_set_fmpz(q.top.get(), integer, ring_.context());
    fmpz_set_mpz(integer, value.get_den_mpz_t());
    fmpz_mpoly_set_fmpz(q.bottom.get(), integer, ring_.context());
    fmpz_clear(integer);
    return q;
  }
  std::optional<Quotient> FromGenerator(int index) {
    Quotient q{Poly(ring_), Poly(ring_, 1)};
    fmpz_mpoly_gen(q.top.get(), index, ring_.context());
    return q;
  }
  std::optional<Quotient> Times(const Quotient& a, const Quotient& b) {
    Quotient q{Poly(ring_), Poly(ring_)};
    if (!Multiply(a.top, b.top, &q.top, budget_) ||
        !Multiply(a.bottom, b.bottom, &q.bottom, budget_)) {
      return std::nullopt;
    }
    return q;
  }
  std::optional<Quotient> Inverse(const Quotient& a) {
    if (a.top.IsZero()) return std::nullopt;
    return Quotient{a.bottom, a.top};
  }
  std::optional<Quotient> Plus(const Quotient& a, const Quotient& b) {
    Quotient q{Poly(ring_), a.bottom};
    if (a.bottom.EqualTo(b.bottom)) {
      fmpz_mpoly_add(q.top.get(), a.top.get(), b.top.get(), ring_.context());
      return q;
    }
    Poly left(ring_), right(ring_);
    if (!Multiply(a.top, b.bottom, &left, budget_) ||
        !Multiply(b.top, a.bottom, &right, budget_) ||
        !Multiply(a.bottom, b.bottom, &q.bottom, budget_)) {
      return std::nullopt;
    }
    fmpz_mpoly_add(q.top.get(), left.get(), right.get(), ring_.context());
    return q;
  }
  std::optional<Quotient> ToPower(const Quotient& base, long n);
  std::optional<Quotient> FromSurd(const Surd& surd);

  const Ring& ring_;
  Budget* budget_;
};

std::optional<Quotient> Converter::ToPower(const Quotient& base, long n) {
  if (n < 0) {
    const auto inverse = Inverse(base);
    return inverse.has_value() ? ToPower(*inverse, -n) : std::nullopt;
  }
  const bool is_monomial =
      base.top.NumTerms() <= 1 && base.bottom.NumTerms() <= 1;
  if (!is_monomial && n > kMaxPower) return std::nullopt;
  std::optional<Quotient> power = FromRational(1);
  for (long i = 0; i < n && power.has_value(); ++i) power = Times(*power, base);
  return power;
}

// Each prime of base^(numerator/order) as a power of its generator.
std::optional<Quotient> Converter::FromSurd(const Surd& surd) {
  std::optional<Quotient> product = FromRational(1);
  if (surd.base < 0) {
    product = surd.order == 2
                  ? ToPower(*FromGenerator(ring_.IndexOf("i")), surd.numerator)
                  : FromRational(surd.numerator % 2 == 0 ? 1 : -1);
  }
  for (const bool is_top : {true, false}) {
    std::vector<std::pair<ulong, int>> primes;
    if (!Factor(is_top ? surd.base.get_num() : surd.base.get_den(), &primes,
                budget_)) {
      return std::nullopt;
    }
    for (const auto& [prime, count] : primes) {
      const long sign = is_top ? 1 : -1;
      const auto root = ring_.roots().find(prime);
      const bool is_whole = count % surd.order == 0;
      const long exponent = is_whole
                                ? sign * count / surd.order * surd.numerator
                                : sign * count * surd.numerator *
                                      (root->second.order / surd.order);
      const auto factor = is_whole ? FromRational(mpq_class(mpz_class(prime)))
                                   : FromGenerator(root->second.index);
      const auto power = ToPower(*factor, exponent);
      if (!power.has_value() || !product.has_value()) return std::nullopt;
      product = Times(*product, *power);
    }
  }
  return product;
}

std::optional<Quotient> Converter::Convert(const Node& node) {
  if (!budget_->Spend(2)) return std::nullopt;
  switch (node.kind) {
    case Kind::kSymbol:
    case Kind::kConstant:
      return FromGenerator(ring_.IndexOf(node.name));
    case Kind::kNegate: {
      auto a = Convert(*node.args[0]);
      if (a.has_value())
        fmpz_mpoly_neg(a->top.get(), a->top.get(), ring_.context());
      return a;
    }
    case Kind::kSum: {
      auto sum = FromRational(0);
      for (const NodePtr& term : node.args) {
        const auto a = Convert(*term);
        if (!a.has_value() || !sum.has_value()) return std::nullopt;
        sum = Plus(*sum, *a);
      }
      return sum;
    }
    case Kind::kProduct:
    case Kind::kDivide: {
      const auto a = Convert(*node.args[0]);
      auto b = Convert(*node.args[1]);
      if (!a.has_value() || !b.has_value()) return std::nullopt;
      if (node.kind == Kind::kDivide) b = Inverse(*b);
      return b.has_value() ? Times(*a, *b) : std::nullopt;
    }
    case Kind::kPercent:
    case Kind::kDegrees: {
      const auto a = Convert(*node.args[0]);
      auto unit = FromRational(node.kind == Kind::kPercent ? mpq_class(1, 100)
                                                           : mpq_class(1, 180));
      if (!a.has_value()) return std::nullopt;
      if (node.kind == Kind::kDegrees) {
        unit = Times(*unit, *FromGenerator(ring_.IndexOf("pi")));
      }
      return Times(*a, *unit);
    }
    case Kind::kPower:
    case Kind::kRoot: {
      const auto value = RationalValue(node, budget_);
      if (value.has_value()) return FromRational(*value);
      const auto surd = AsSurd(node, budget_);
      if (surd.has_value() && surd->order > 1) return FromSurd(*surd);
      if (node.kind == Kind::kRoot) return std::nullopt;
      const auto base = Convert(*node.args[0]);
      const auto exponent = RationalValue(*node.args[1], budget_);
      if (!base.has_value() || !exponent.has_value()) return std::nullopt;
      return ToPower(*base, exponent->get_num().get_si());
    }
    default: {
      const auto value = RationalValue(node, budget_);
      return value.has_value() ? FromRational(*value) : std::nullopt;
    }
  }
}

// Content 1 and a positive leading coefficient.
void MakePrimitive(Poly* poly) {
  if (poly->IsZero()) return;
  fmpz_t content;
  fmpz_init(content);
  fmpz_mpoly_get_term_coeff_fmpz(content, poly->get(), 0, poly->context());
  const bool is_negative = fmpz_sgn(content) < 0;
  _fmpz_vec_content(content, poly->get()->coeffs, poly->NumTerms());
  if (is_negative) fmpz_neg(content, content);
  fmpz_mpoly_scalar_divexact_fmpz(poly->get(), poly->get(), content,
                                  poly->context());
  fmpz_clear(content);
}

// What `compare(ring, p, q)` says of both trees as quotients of polynomials.
template <typename Compare>
Equality WithQuotients(const Node& a, const Node& b, Budget* budget,
                       const Compare& compare) {
  Ring ring;
  if (!ring.Collect(a, budget) || !ring.Collect(b, budget)) {
    return Equality::kUnknown;
  }
  ring.Init();
  Converter converter(ring, budget);
  auto p = converter.Convert(a);
  auto q = converter.Convert(b);
  if (!p.has_value() || !q.has_value() || p->bottom.IsZero() ||
      q->bottom.IsZero()) {
    return Equality::kUnknown;
  }
  return compare(ring, &*p, &*q);
}

}  // namespace

Equality CompareAsQuotients(const Node& a, const Node& b, Budget* budget) {
  return WithQuotients(
      a, b, budget, [budget](const Ring& ring, Quotient* p, Quotient* q) {
        Poly left(ring), right(ring);
        if (!Multiply(p->top, q->bottom, &left, budget) ||
            !Multiply(q->top, p->bottom, &right, budget)) {
          return Equality::kUnknown;
        }
        if (left.EqualTo(right)) return Equality::kEqual;
        return ring.is_decisive() ? Equality::kDifferent : Equality::kUnknown;
      });
}

Equality CompareAsEquations(const Node& f, const Node& g, Budget* budget) {
  return WithQuotients(
      f, g, budget, [budget](const Ring& ring, Quotient* p, Quotient* q) {
        for (auto* quotient : {p, q}) {
          // Factors of the denominator that cancel are no solutions.
          Poly divisor(ring);
          if (quotient->top.IsZero()) return Equality::kUnknown;
          if (quotient->bottom.NumTerms() > 0 && ring.roots().empty() &&
              budget->Spend(20 * quotient->top.NumTerms() *
                            quotient->bottom.NumTerms()) &&
              fmpz_mpoly_gcd(divisor.get(), quotient->top.get(),
                             quotient->bottom.get(), ring.context()) != 0) {
            fmpz_mpoly_divides(quotient->top.get(), quotient->top.get(),
                               divisor.get(), ring.context());
          }
          MakePrimitive(&quotient->top);
        }
        if (p->top.EqualTo(q->top)) return Equality::kEqual;
        return ring.roots().empty() && ring.imaginary() < 0
                   ? Equality::kDifferent
                   : Equality::kUnknown;
      });
}

std::optional<std::string> QuotientKey(const Node& node, Budget* budget) {
  Ring ring;
  if (!ring.Collect(node, budget)) return std::nullopt;
  ring.Init();
  auto q = Converter(ring, budget).Convert(node);
  if (!q.has_value() || q->top.NumTerms() > 50 || q->bottom.NumTerms() > 50) {
    return std::nullopt;
  }
  Poly divisor(ring);
  if (!budget->Spend(20 * (1 + q->top.NumTerms() * q->bottom.NumTerms())) ||
      fmpz_mpoly_gcd(divisor.get(), q->top.get(), q->bottom.get(),
                     ring.context()) == 0) {
    return std::nullopt;
  }
  // The names are part of the key, for the generators are only numbered.
  std::string key;
  for (Poly* poly : {&q->top, &q->bottom}) {
    fmpz_mpoly_divides(poly->get(), poly->get(), divisor.get(), ring.context());
    char* text =
        fmpz_mpoly_get_str_pretty(poly->get(), nullptr, ring.context());
    absl::StrAppend(&key, key.empty() ? "" : " / ", text);
    flint_free(text);
  }
  return absl::StrCat(ring.Names(), key);
}

}  // namespace r1::math
