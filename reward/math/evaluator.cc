#include "reward/math/evaluator.h"

#include <acb_hypgeom.h>
#include <flint/fmpq.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reward/math/polynomial.h"
#include "reward/math/rational_value.h"

namespace r1::math {
namespace {

constexpr int kMaxExponentBits = 40;

bool IsSmall(const Ball& x) {
  return acb_is_finite(x.get()) &&
         mag_cmp_2exp_si(arb_radref(acb_realref(x.get())), kMaxExponentBits) <
             0 &&
         arf_cmpabs_2exp_si(arb_midref(acb_realref(x.get())),
                            kMaxExponentBits) < 0 &&
         arf_cmpabs_2exp_si(arb_midref(acb_imagref(x.get())),
                            kMaxExponentBits) < 0;
}

// Negative and real for sure.
bool IsNegative(const Ball& x) {
  return acb_is_real(x.get()) && arb_is_negative(acb_realref(x.get()));
}

// What a function is taken of: x, an x that is not large, or 1 / x.
enum class Argument { kAny, kSmall, kInverse };
using enum Argument;
struct ElementaryFunction {
  absl::string_view name;
  void (*function)(acb_t, const acb_t, slong);
  Argument argument;
};
constexpr ElementaryFunction kElementary[] = {
    {"sin", acb_sin, kSmall},       {"cos", acb_cos, kSmall},
    {"tan", acb_tan, kSmall},       {"cot", acb_cot, kSmall},
    {"sec", acb_sec, kSmall},       {"csc", acb_csc, kSmall},
    {"sinh", acb_sinh, kSmall},     {"cosh", acb_cosh, kSmall},
    {"tanh", acb_tanh, kSmall},     {"coth", acb_coth, kSmall},
    {"exp", acb_exp, kSmall},       {"arcsin", acb_asin, kAny},
    {"arccos", acb_acos, kAny},     {"arctan", acb_atan, kAny},
    {"arcsinh", acb_asinh, kAny},   {"arccosh", acb_acosh, kAny},
    {"arctanh", acb_atanh, kAny},   {"arccot", acb_atan, kInverse},
    {"arcsec", acb_acos, kInverse}, {"arccsc", acb_asin, kInverse},
};

// Null for other functions.
const ElementaryFunction* FindElementary(absl::string_view name) {
  for (const ElementaryFunction& known : kElementary) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

bool Apply(const ElementaryFunction& known, Ball* x, long precision,
           Ball* out) {
  if (known.argument == kSmall && !IsSmall(*x)) return false;
  if (known.argument == kInverse) {
    if (acb_contains_zero(x->get())) return false;
    acb_inv(x->get(), x->get(), precision);
  }
  known.function(out->get(), x->get(), precision);
  return true;
}

bool IsCounting(absl::string_view name) {
  return name == "factorial" || name == "double factorial" || name == "binom" ||
         name == "bmod" || name == "gcd" || name == "lcm" || name == "max" ||
         name == "min";
}

bool IsLogarithm(absl::string_view name) {
  return name == "ln" || name == "log" || name == "lg";
}

void FlattenInto(const Node& node, Kind kind, std::vector<std::string>* keys) {
  if (node.kind == kind) {
    for (const NodePtr& arg : node.args) FlattenInto(*arg, kind, keys);
  } else {
    keys->push_back(StructuralKey(node));
  }
}

}  // namespace

void SetRational(const mpq_class& value, long precision, Ball* out) {
  fmpq_t rational;
  fmpq_init(rational);
  fmpq_set_mpq(rational, value.get_mpq_t());
  acb_set_fmpq(out->get(), rational, precision);
  fmpq_clear(rational);
}

bool IsKnownFunction(absl::string_view name) {
  return FindElementary(name) != nullptr || IsCounting(name) ||
         IsLogarithm(name) || name == "abs" || name == "floor" ||
         name == "ceil";
}

std::string StructuralKey(const Node& node) {
  if (node.kind == Kind::kNumber) return node.value.get_str();
  std::vector<std::string> keys;
  if (node.kind == Kind::kSum || node.kind == Kind::kProduct) {
    FlattenInto(node, node.kind, &keys);
    std::sort(keys.begin(), keys.end());
  } else {
    for (const NodePtr& arg : node.args) keys.push_back(StructuralKey(*arg));
  }
  return absl::StrCat(static_cast<int>(node.kind), node.name, "(",
                      absl::StrJoin(node.ops, " "), ";",
                      absl::StrJoin(keys, ","), ")");
}

bool Evaluator::Variable(const std::string& name, Ball* out) {
  if (point_.points == nullptr) return false;
  SetRational(point_.points->Value(name, point_.point), point_.precision, out);
  return true;
}

void Evaluator::NoteDomain(const Ball& x) {
  if (IsNegative(x) || !acb_is_real(x.get())) left_real_domain_ = true;
}

bool Evaluator::Evaluate(const Node& node, Ball* out) {
  const long prec = point_.precision;
  if (!budget_->Spend(10 * (prec / 256))) return false;
  Ball x, y;
  const auto args = [&] {
    return Evaluate(*node.args[0], &x) &&
           (node.args.size() < 2 || Evaluate(*node.args[1], &y));
  };
  switch (node.kind) {
    case Kind::kNumber:
    case Kind::kBased:
      SetRational(node.value, prec, out);
      return true;
    case Kind::kSymbol:
      return Variable(node.name, out);
    case Kind::kConstant:
      if (node.name == "pi") {
        acb_const_pi(out->get(), prec);
      } else if (node.name == "e") {
        arb_const_e(acb_realref(out->get()), prec);
        arb_zero(acb_imagref(out->get()));
      } else if (node.name == "i") {
        acb_onei(out->get());
      } else {
        return false;
      }
      return true;
    case Kind::kNegate:
      if (!args()) return false;
      acb_neg(out->get(), x.get());
      return true;
    case Kind::kSum:
      acb_zero(out->get());
      for (const NodePtr& term : node.args) {
        if (!Evaluate(*term, &x)) return false;
        acb_add(out->get(), out->get(), x.get(), prec);
      }
      return true;
    case Kind::kProduct:
      if (!args()) return false;
      acb_mul(out->get(), x.get(), y.get(), prec);
      return true;
    case Kind::kDivide:
      if (!args() || acb_contains_zero(y.get())) return false;
      acb_div(out->get(), x.get(), y.get(), prec);
      return true;
    case Kind::kPercent:
      if (!args()) return false;
      acb_div_si(out->get(), x.get(), 100, prec);
      return true;
    case Kind::kDegrees:
      if (!args()) return false;
      acb_const_pi(y.get(), prec);
      acb_mul(out->get(), x.get(), y.get(), prec);
      acb_div_si(out->get(), out->get(), 180, prec);
      return true;
    case Kind::kPower:
      if (!Evaluate(*node.args[0], &x)) return false;
      return Power(x, *node.args[1], out);
    case Kind::kRoot:
      if (!Evaluate(*node.args[0], &x)) return false;
      return Root(x, *node.args[1], out);
    case Kind::kCall:
      return Call(node, out) && acb_is_finite(out->get());
    default:
      return false;
  }
}

bool Evaluator::Power(const Ball& base, const Node& exponent, Ball* out) {
  const long prec = point_.precision;
  Ball n;
  if (!Evaluate(exponent, &n) || !IsSmall(n)) return false;
  if (!budget_->Spend(200 * (prec / 256))) return false;
  const bool is_integer = acb_is_int(n.get());
  if (acb_contains_zero(base.get())) {
    // 0^n for a whole n > 0; anything else has no certain value.
    if (!is_integer || !arb_is_positive(acb_realref(n.get()))) return false;
  }
  if (!is_integer) NoteDomain(base);
  acb_pow(out->get(), base.get(), n.get(), prec);
  return acb_is_finite(out->get());
}

bool Evaluator::Root(const Ball& radicand, const Node& index, Ball* out) {
  const long prec = point_.precision;
  const auto n = RationalValue(index, budget_);
  if (!n.has_value() || n->get_den() != 1 || *n < 1 || *n > 1000) {
    // A symbolic index: x^(1/n).
    NodePtr exponent =
        MakeNode(Kind::kDivide, {MakeNumber(1), std::make_shared<Node>(index)});
    return Power(radicand, *exponent, out);
  }
  if (!budget_->Spend(50 * (prec / 256))) return false;
  const ulong order = n->get_num().get_ui();
  if (order % 2 == 1 && acb_is_real(radicand.get())) {
    // The real root, of negative numbers too.
    Ball magnitude;
    const bool is_negative = IsNegative(radicand);
    if (is_negative) {
      acb_neg(magnitude.get(), radicand.get());
    } else {
      acb_set(magnitude.get(), radicand.get());
    }
    acb_root_ui(out->get(), magnitude.get(), order, prec);
    if (is_negative) acb_neg(out->get(), out->get());
    return acb_is_finite(out->get());
  }
  NoteDomain(radicand);
  if (order == 2) {
    acb_sqrt(out->get(), radicand.get(), prec);
  } else {
    acb_root_ui(out->get(), radicand.get(), order, prec);
  }
  return acb_is_finite(out->get());
}

// Gamma(x) or its inverse, for |x| up to about 1000.
bool Evaluator::Gamma(const Ball& x, bool is_inverse, Ball* out) {
  const long prec = point_.precision;
  if (!budget_->Spend(2000 * (prec / 256)) || !IsSmall(x) ||
      arf_cmpabs_ui(arb_midref(acb_realref(x.get())), 1001) > 0) {
    return false;
  }
  (is_inverse ? acb_rgamma : acb_gamma)(out->get(), x.get(), prec);
  return acb_is_finite(out->get());
}

// What counts or chooses: factorials, binomials, remainders, the largest.
bool Evaluator::Counting(const Node& node, Ball* out) {
  const long prec = point_.precision;
  const std::string& name = node.name;
  Ball x, y;
  if (!Evaluate(*node.args[0], &x)) return false;
  if (name == "factorial") {
    acb_add_ui(x.get(), x.get(), 1, prec);
    return Gamma(x, /*is_inverse=*/false, out);
  }
  if (name == "max" || name == "min") {
    acb_set(out->get(), x.get());
    for (size_t i = 1; i < node.args.size(); ++i) {
      if (!Evaluate(*node.args[i], &y) || !acb_is_real(y.get())) return false;
      (name == "max" ? arb_max : arb_min)(acb_realref(out->get()),
                                          acb_realref(out->get()),
                                          acb_realref(y.get()), prec);
    }
    return acb_is_real(x.get());
  }
  if (node.args.size() == 2 && !Evaluate(*node.args[1], &y)) return false;
  if (name == "binom") {
    if (node.args.size() != 2) return false;
    // n (n-1) ... (n-k+1) / k! for a small whole k: a polynomial in n.
    if (acb_is_int(y.get()) &&
        arf_cmpabs_ui(arb_midref(acb_realref(y.get())), 50) <= 0) {
      const long k = arf_get_si(arb_midref(acb_realref(y.get())), ARF_RND_DOWN);
      if (k < 0) return false;
      Ball factor;
      acb_one(out->get());
      for (long j = 0; j < k; ++j) {
        acb_sub_si(factor.get(), x.get(), j, prec);
        acb_mul(out->get(), out->get(), factor.get(), prec);
        acb_div_si(out->get(), out->get(), j + 1, prec);
      }
      return true;
    }
    Ball rest, part;
    acb_sub(rest.get(), x.get(), y.get(), prec);
    for (Ball* ball : {&x, &y, &rest}) {
      acb_add_ui(ball->get(), ball->get(), 1, prec);
    }
    if (!Gamma(x, /*is_inverse=*/false, out)) return false;
    for (const Ball* ball : {&y, &rest}) {
      if (!Gamma(*ball, /*is_inverse=*/true, &part)) return false;
      acb_mul(out->get(), out->get(), part.get(), prec);
    }
    return true;
  }
  // Of whole numbers only.
  fmpz_t a, b;
  fmpz_init(a);
  fmpz_init(b);
  bool is_defined = acb_get_unique_fmpz(a, x.get()) != 0 && acb_is_int(x.get());
  if (name == "double factorial") {
    is_defined = is_defined && fmpz_sgn(a) >= 0 && fmpz_cmp_ui(a, 1000) <= 0;
    if (is_defined) {
      mpz_class value;
      mpz_2fac_ui(value.get_mpz_t(), fmpz_get_ui(a));
      SetRational(value, prec, out);
    }
  } else {
    is_defined = is_defined && node.args.size() == 2 && acb_is_int(y.get()) &&
                 acb_get_unique_fmpz(b, y.get()) != 0 &&
                 (name != "bmod" || fmpz_sgn(b) > 0);
    if (is_defined) {
      (name == "gcd" ? fmpz_gcd : name == "lcm" ? fmpz_lcm : fmpz_mod)(a, a, b);
      acb_set_fmpz(out->get(), a);
    }
  }
  fmpz_clear(a);
  fmpz_clear(b);
  return is_defined;
}

bool Evaluator::Call(const Node& node, Ball* out) {
  const long prec = point_.precision;
  const std::string& name = node.name;
  if (!budget_->Spend(100 * (prec / 256))) return false;
  if (node.args.empty()) return false;
  const auto rational = RationalValue(node, budget_);
  if (rational.has_value()) {
    SetRational(*rational, prec, out);
    return true;
  }
  Ball x, y;
  if (IsLogarithm(name)) {
    if (!Evaluate(*node.args[0], &x) || acb_contains_zero(x.get()))
      return false;
    NoteDomain(x);
    acb_log(out->get(), x.get(), prec);
    if (name == "ln") return true;
    if (node.args.size() == 2) {
      if (!Evaluate(*node.args[1], &y) || acb_contains_zero(y.get())) {
        return false;
      }
    } else {
      acb_set_si(y.get(), 10);
    }
    acb_log(y.get(), y.get(), prec);
    if (acb_contains_zero(y.get())) return false;
    acb_div(out->get(), out->get(), y.get(), prec);
    return true;
  }
  if (name == "abs") {
    if (!Evaluate(*node.args[0], &x)) return false;
    acb_abs(acb_realref(out->get()), x.get(), prec);
    arb_zero(acb_imagref(out->get()));
    return true;
  }
  if (name == "floor" || name == "ceil") {
    if (!Evaluate(*node.args[0], &x) || !acb_is_real(x.get()) || !IsSmall(x)) {
      return false;
    }
    arb_struct* real = acb_realref(out->get());
    (name == "floor" ? arb_floor : arb_ceil)(real, acb_realref(x.get()), prec);
    arb_zero(acb_imagref(out->get()));
    return arb_is_exact(real);
  }
  if (IsCounting(name)) return Counting(node, out);
  const ElementaryFunction* known = FindElementary(name);
  if (known != nullptr && node.args.size() == 1) {
    return Evaluate(*node.args[0], &x) && Apply(*known, &x, prec, out);
  }
  // A function that is not known: some value for each name and argument.
  std::string key = name;
  for (const NodePtr& arg : node.args) {
    absl::StrAppend(&key, "|",
                    QuotientKey(*arg, budget_).value_or(StructuralKey(*arg)));
  }
  return Variable(key, out);
}

}  // namespace r1::math
