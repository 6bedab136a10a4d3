// The ring that one comparison works in, and its polynomials, on FLINT.
#ifndef R1_REWARD_MATH_POLYNOMIAL_RING_H_
#define R1_REWARD_MATH_POLYNOMIAL_RING_H_

#include <flint/fmpz_mpoly.h>
#include <gmpxx.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reward/math/budget.h"
#include "reward/math/tree.h"

namespace r1::math {

inline constexpr long kMaxPower = 64;
inline constexpr size_t kMaxGenerators = 24;
inline constexpr int kMaxRootOrder = 12;
inline constexpr long kMaxTerms = 2000;

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
            Budget* budget);

// A power of a rational with a rational exponent, in lowest terms.
struct Surd {
  mpq_class base;
  long numerator = 1;
  int order = 1;
};

// The tree as a Surd, if it is a root or a fractional power of a rational.
std::optional<Surd> AsSurd(const Node& node, Budget* budget);

// A polynomial of the ring, which must outlive it.
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

// *out = a b, with powers of roots and of i as low as they can be; false beyond
// the limits.
bool Multiply(const Poly& a, const Poly& b, Poly* out, Budget* budget);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_POLYNOMIAL_RING_H_
