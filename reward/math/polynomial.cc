#include "reward/math/polynomial.h"

#include <flint/fmpz.h>
#include <flint/fmpz_factor.h>
#include <flint/fmpz_mpoly.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reward/math/rational_value.h"

namespace r1::math {
namespace {

constexpr long kMaxPower = 64;
constexpr size_t kMaxGenerators = 24;
constexpr int kMaxRootOrder = 12;
constexpr long kMaxTerms = 2000;

// The generators of one comparison: names first, then a root of each prime.
class Ring {
 public:
  // Notes what the tree needs; false if it is no quotient of polynomials.
  bool Collect(const Node& node, Budget* budget);

  void Init() {
    int next = 0;
    for (auto& [name, index] : names_) index = next++;
    for (auto& [prime, root] : roots_) root.index = next++;
    num_generators_ = std::max(next, 1);
    fmpz_mpoly_ctx_init(context_, num_generators_, ORD_LEX);
    is_ready_ = true;
  }
  Ring() = default;
  Ring(const Ring&) = delete;
  ~Ring() {
    if (is_ready_) fmpz_mpoly_ctx_clear(context_);
  }

  struct Root {
    int order = 1;  // the generator is prime^(1/order)
    int index = 0;
  };
  const fmpz_mpoly_ctx_struct* context() const { return context_; }
  int num_generators() const { return num_generators_; }
  int IndexOf(const std::string& name) const { return names_.at(name); }
  const std::map<ulong, Root>& roots() const { return roots_; }
  int imaginary() const {
    const auto it = names_.find("i");
    return it == names_.end() ? -1 : it->second;
  }
  // "x,y:" and the primes: what the numbered generators are.
  std::string Names() const {
    std::string text;
    for (const auto& [name, index] : names_) absl::StrAppend(&text, name, ",");
    for (const auto& [prime, root] : roots_) {
      absl::StrAppend(&text, prime, "^1/", root.order, ",");
    }
    return text + ":";
  }
  bool is_decisive() const {
    return std::all_of(roots_.begin(), roots_.end(),
                       [](const auto& root) { return root.second.order <= 2; });
  }

 private:
  std::map<std::string, int> names_;
  std::map<ulong, Root> roots_;
  int num_generators_ = 1;
  bool is_ready_ = false;
  fmpz_mpoly_ctx_t context_;
};

// |value| as primes and exponents; false beyond 64 bits.
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

// A power of a rational with a rational exponent, in lowest terms.
struct Surd {
  mpq_class base;
  long numerator = 1;
  int order = 1;
};

// The tree as a Surd, if it is a root or a fractional power of a rational.
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

class Poly {
 public:
  explicit Poly(const Ring& ring, long value = 0) : ring_(&ring) {
    fmpz_mpoly_init(poly_, ring.context());
    fmpz_mpoly_set_si(poly_, value, ring.context());
  }
  Poly(const Poly& other) : ring_(other.ring_) {
    fmpz_mpoly_init(poly_, ring_->context());
    fmpz_mpoly_set(poly_, other.poly_, ring_->context());
  }
  Poly& operator=(const Poly& other) {
    fmpz_mpoly_set(poly_, other.poly_, ring_->context());
    return *this;
  }
  ~Poly() { fmpz_mpoly_clear(poly_, ring_->context()); }

  fmpz_mpoly_struct* get() { return poly_; }
  const fmpz_mpoly_struct* get() const { return poly_; }
  const fmpz_mpoly_ctx_struct* context() const { return ring_->context(); }
  const Ring& ring() const { return *ring_; }

  bool IsZero() const { return fmpz_mpoly_is_zero(poly_, context()) != 0; }
  bool IsOne() const { return fmpz_mpoly_is_one(poly_, context()) != 0; }
  bool EqualTo(const Poly& other) const {
    return fmpz_mpoly_equal(poly_, other.poly_, context()) != 0;
  }
  long NumTerms() const { return fmpz_mpoly_length(poly_, context()); }
  long Bits() const {
    const long bits = fmpz_mpoly_max_bits(poly_);
    return bits < 0 ? -bits : bits;
  }

 private:
  const Ring* ring_;
  fmpz_mpoly_t poly_;
};

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

// *out = a b; false beyond the limits.
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

}  // namespace

Equality CompareAsQuotients(const Node& a, const Node& b, Budget* budget) {
  Ring ring;
  if (!ring.Collect(a, budget) || !ring.Collect(b, budget)) {
    return Equality::kUnknown;
  }
  ring.Init();
  Converter converter(ring, budget);
  const auto p = converter.Convert(a);
  const auto q = converter.Convert(b);
  if (!p.has_value() || !q.has_value() || p->bottom.IsZero() ||
      q->bottom.IsZero()) {
    return Equality::kUnknown;
  }
  Poly left(ring), right(ring);
  if (!Multiply(p->top, q->bottom, &left, budget) ||
      !Multiply(q->top, p->bottom, &right, budget)) {
    return Equality::kUnknown;
  }
  if (left.EqualTo(right)) return Equality::kEqual;
  return ring.is_decisive() ? Equality::kDifferent : Equality::kUnknown;
}

Equality CompareAsEquations(const Node& f, const Node& g, Budget* budget) {
  Ring ring;
  if (!ring.Collect(f, budget) || !ring.Collect(g, budget)) {
    return Equality::kUnknown;
  }
  ring.Init();
  Converter converter(ring, budget);
  auto p = converter.Convert(f);
  auto q = converter.Convert(g);
  if (!p.has_value() || !q.has_value()) return Equality::kUnknown;
  for (auto* quotient : {&*p, &*q}) {
    // Factors of the denominator that cancel are no solutions.
    Poly divisor(ring);
    if (quotient->top.IsZero() || quotient->bottom.IsZero()) {
      return Equality::kUnknown;
    }
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
  return ring.roots().empty() && ring.imaginary() < 0 ? Equality::kDifferent
                                                      : Equality::kUnknown;
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
