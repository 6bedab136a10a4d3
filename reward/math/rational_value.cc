#include "reward/math/rational_value.h"

#include <algorithm>
#include <cstdlib>

namespace r1::math {
namespace {

using Value = std::optional<mpq_class>;

constexpr unsigned long kMaxFactorial = 5000;

size_t Bits(const mpq_class& value) {
  return mpz_sizeinbase(value.get_num_mpz_t(), 2) +
         mpz_sizeinbase(value.get_den_mpz_t(), 2);
}

// A value small enough to go on with.
Value Checked(mpq_class value, Budget* budget) {
  const size_t bits = Bits(value);
  if (bits > kMaxBits || !budget->Spend(1 + bits / 64)) return std::nullopt;
  return value;
}

Value Power(const mpq_class& base, const mpq_class& exponent, Budget* budget) {
  if (exponent.get_den() != 1 || !exponent.get_num().fits_slong_p()) {
    return std::nullopt;
  }
  const long n = exponent.get_num().get_si();
  if (base == 0) return n > 0 ? Value(0) : n == 0 ? Value(1) : std::nullopt;
  if (base == 1 || n == 0) return mpq_class(1);
  if (base == -1) return mpq_class(n % 2 == 0 ? 1 : -1);
  const unsigned long m = n < 0 ? 0ul - static_cast<unsigned long>(n) : n;
  if (m > kMaxBits || Bits(base) * m > 2 * kMaxBits) return std::nullopt;
  mpq_class power;
  mpz_pow_ui(power.get_num_mpz_t(), base.get_num_mpz_t(), m);
  mpz_pow_ui(power.get_den_mpz_t(), base.get_den_mpz_t(), m);
  if (n < 0) power = 1 / power;
  return Checked(power, budget);
}

// The n-th root where it is rational and real.
Value Root(const mpq_class& radicand, const mpq_class& index, Budget* budget) {
  if (index.get_den() != 1 || index < 1 || index > 1000) return std::nullopt;
  const unsigned long n = index.get_num().get_ui();
  if (radicand < 0 && n % 2 == 0) return std::nullopt;
  if (!budget->Spend(10)) return std::nullopt;
  mpq_class root;
  if (mpz_root(root.get_num_mpz_t(), radicand.get_num_mpz_t(), n) == 0 ||
      mpz_root(root.get_den_mpz_t(), radicand.get_den_mpz_t(), n) == 0) {
    return std::nullopt;
  }
  return root;
}

mpz_class Floor(const mpq_class& value) {
  mpz_class floor;
  mpz_fdiv_q(floor.get_mpz_t(), value.get_num_mpz_t(), value.get_den_mpz_t());
  return floor;
}

Value Binomial(const mpq_class& n, const mpq_class& k) {
  if (n.get_den() != 1 || k.get_den() != 1 || k < 0 || k > kMaxFactorial ||
      n < 0 || n > kMaxFactorial) {
    return std::nullopt;
  }
  mpz_class value;
  mpz_bin_uiui(value.get_mpz_t(), n.get_num().get_ui(), k.get_num().get_ui());
  return mpq_class(value);
}

Value Call(const Node& node, Budget* budget) {
  std::vector<mpq_class> args;
  for (const NodePtr& arg : node.args) {
    const Value value = RationalValue(*arg, budget);
    if (!value.has_value()) return std::nullopt;
    args.push_back(*value);
  }
  const std::string& name = node.name;
  if (name == "max") return *std::max_element(args.begin(), args.end());
  if (name == "min") return *std::min_element(args.begin(), args.end());
  const mpq_class& x = args[0];
  if (name == "abs") return mpq_class(abs(x));
  if (name == "floor") return mpq_class(Floor(x));
  if (name == "ceil") return mpq_class(-Floor(-x));
  if (name == "factorial" || name == "double factorial") {
    if (x.get_den() != 1 || x < 0 || x > kMaxFactorial) return std::nullopt;
    mpz_class value;
    (name == "factorial" ? mpz_fac_ui : mpz_2fac_ui)(value.get_mpz_t(),
                                                     x.get_num().get_ui());
    return Checked(value, budget);
  }
  if (args.size() != 2) return std::nullopt;
  if (name == "binom") {
    const Value value = Binomial(x, args[1]);
    return value.has_value() ? Checked(*value, budget) : std::nullopt;
  }
  if (name == "bmod" && x.get_den() == 1 && args[1].get_den() == 1 &&
      args[1] > 0) {
    return x - args[1] * Floor(x / args[1]);
  }
  if ((name == "gcd" || name == "lcm") && x.get_den() == 1 &&
      args[1].get_den() == 1) {
    const mpz_class divisor = gcd(x.get_num(), args[1].get_num());
    const mpz_class multiple = lcm(x.get_num(), args[1].get_num());
    return mpq_class(name == "gcd" ? divisor : multiple);
  }
  return std::nullopt;
}

}  // namespace

Value RationalValue(const Node& node, Budget* budget) {
  if (!budget->Spend(1)) return std::nullopt;
  const auto arg = [&](size_t i) {
    return RationalValue(*node.args[i], budget);
  };
  switch (node.kind) {
    case Kind::kNumber:
    case Kind::kBased:
      return Checked(node.value, budget);
    case Kind::kNegate: {
      Value a = arg(0);
      if (a.has_value()) *a = -*a;
      return a;
    }
    case Kind::kPercent: {
      Value a = arg(0);
      if (a.has_value()) *a /= 100;
      return a;
    }
    case Kind::kSum: {
      mpq_class sum = 0;
      for (const NodePtr& term : node.args) {
        const Value a = RationalValue(*term, budget);
        if (!a.has_value()) return std::nullopt;
        sum += *a;
      }
      return Checked(sum, budget);
    }
    case Kind::kProduct:
    case Kind::kDivide:
    case Kind::kPower:
    case Kind::kRoot: {
      const Value a = arg(0);
      if (!a.has_value()) return std::nullopt;
      const Value b = arg(1);
      if (!b.has_value()) return std::nullopt;
      if (node.kind == Kind::kProduct) return Checked(*a * *b, budget);
      if (node.kind == Kind::kPower) return Power(*a, *b, budget);
      if (node.kind == Kind::kRoot) return Root(*a, *b, budget);
      if (*b == 0) return std::nullopt;
      return Checked(*a / *b, budget);
    }
    case Kind::kCall:
      return Call(node, budget);
    default:
      return std::nullopt;
  }
}

bool DividesByZero(const Node& node, Budget* budget) {
  return AnyNode(node, [budget](const Node& part) {
    if (part.kind != Kind::kDivide && part.kind != Kind::kPower) return false;
    const Value a =
        RationalValue(*part.args[part.kind == Kind::kDivide ? 1 : 0], budget);
    if (!a.has_value() || *a != 0) return false;
    if (part.kind == Kind::kDivide) return true;
    const Value b = RationalValue(*part.args[1], budget);
    return b.has_value() && *b < 0;
  });
}

}  // namespace r1::math
