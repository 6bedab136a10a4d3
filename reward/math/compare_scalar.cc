// Numbers, units and expressions.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "reward/math/compare.h"
#include "reward/math/evaluator.h"
#include "reward/math/nouns.h"
#include "reward/math/parameter.h"
#include "reward/math/polynomial.h"
#include "reward/math/rational_value.h"

namespace r1::math {
namespace {

// 0.125 and 0.375 are fractions of few parts, and exact.
constexpr int kMostParts = 200;

// A decimal as written, under its sign, or times a power of ten.
struct Decimal {
  bool is_decimal = false;
  mpq_class value;
  mpq_class half_unit;     // half of one in the last place
  int digits = 0;          // significant
  bool is_scaled = false;  // times a power of ten
};

mpq_class PowerOfTen(int exponent) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), 10, std::abs(exponent));
  return exponent < 0 ? mpq_class(1, power) : mpq_class(power);
}

Decimal AsDecimal(const Node& node, Budget* budget) {
  if (node.kind == Kind::kNegate) {
    Decimal decimal = AsDecimal(*node.args[0], budget);
    decimal.value = -decimal.value;
    return decimal;
  }
  if (node.kind == Kind::kNumber) {
    if (node.decimals < 0) return {};
    return {true, node.value, PowerOfTen(-node.decimals) / 2, node.digits};
  }
  if (node.kind == Kind::kProduct && node.args[1]->kind == Kind::kPower &&
      node.args[1]->args[0]->kind == Kind::kNumber &&
      node.args[1]->args[0]->value == 10) {
    Decimal decimal = AsDecimal(*node.args[0], budget);
    const auto scale = RationalValue(*node.args[1], budget);
    if (!decimal.is_decimal || !scale.has_value()) return {};
    decimal.value *= *scale;
    decimal.half_unit *= *scale;
    decimal.is_scaled = true;
    return decimal;
  }
  return {};
}

int InfinitySign(const Node& node) {
  if (node.kind == Kind::kNegate) return -InfinitySign(*node.args[0]);
  return node.kind == Kind::kConstant && node.name == "infinity" ? 1 : 0;
}

bool IsReduced(const Node& node) {
  if (node.kind == Kind::kNegate) return IsReduced(*node.args[0]);
  if (node.kind != Kind::kDivide || node.args[0]->kind != Kind::kNumber ||
      node.args[1]->kind != Kind::kNumber) {
    return true;
  }
  const mpq_class& a = node.args[0]->value;
  const mpq_class& b = node.args[1]->value;
  return a.get_den() == 1 && b.get_den() == 1 &&
         gcd(a.get_num(), b.get_num()) == 1 && b != 1;
}

bool IsFiniteDecimal(const mpq_class& value) {
  mpz_class rest = value.get_den();
  for (const unsigned long prime : {2, 5}) {
    mpz_remove(rest.get_mpz_t(), rest.get_mpz_t(),
               mpz_class(prime).get_mpz_t());
  }
  return rest == 1;
}

}  // namespace

Equality Comparator::CompareUnits(const Node& gold, const Node& answer) {
  const bool gold_has = gold.kind == Kind::kQuantity;
  const bool answer_has = answer.kind == Kind::kQuantity;
  const Node& expected = gold_has ? *gold.args[0] : gold;
  const Node& got = answer_has ? *answer.args[0] : answer;
  const auto unit = [](const Node& node) -> std::string {
    if (node.kind == Kind::kPercent) return "percent";
    if (node.kind == Kind::kDegrees) return "degree";
    return node.kind == Kind::kQuantity ? UnitOrNoun(node.name) : "";
  };
  const std::string mine = unit(gold);
  const std::string theirs = unit(answer);
  if (options_.units != UnitPolicy::kIgnore) {
    if (!mine.empty() && !theirs.empty() && !SameUnit(mine, theirs)) {
      return Equality::kDifferent;
    }
    if (options_.units == UnitPolicy::kRequire && !mine.empty() &&
        theirs.empty()) {
      return Equality::kDifferent;
    }
  }
  return Compare(expected, got);
}

Equality Comparator::ComparePercent(const Node& gold, const Node& answer) {
  const bool gold_has = gold.kind == Kind::kPercent;
  const bool answer_has = answer.kind == Kind::kPercent;
  if (gold_has && answer_has) return Compare(*gold.args[0], *answer.args[0]);
  if (options_.percent == PercentPolicy::kSign) return Equality::kDifferent;
  const Node& number = *(gold_has ? gold : answer).args[0];
  const NodePtr hundredth = MakeNode(
      Kind::kDivide, {std::make_shared<Node>(number), MakeNumber(100)});
  const Equality as_value =
      gold_has ? Compare(*hundredth, answer) : Compare(gold, *hundredth);
  if (as_value == Equality::kEqual ||
      options_.percent == PercentPolicy::kValue) {
    return as_value;
  }
  if (gold_has) {
    // 40 for the gold 40%, but 0.28 is no 0.28%.
    const auto value = RationalValue(answer, budget_);
    return value.has_value() && abs(*value) < 1 ? Equality::kDifferent
                                                : Compare(number, answer);
  }
  // 28.5% for the gold 28.5, which was asked for in percent; but not 0.28% for
  // the gold 0.28, which was not, nor 12% for a count of 12.
  const auto value = RationalValue(gold, budget_);
  if (value.has_value() && (abs(*value) <= 1 || value->get_den() == 1)) {
    return Equality::kDifferent;
  }
  return Compare(gold, number);
}

Equality Comparator::CompareDegrees(const Node& gold, const Node& answer) {
  const bool gold_has = gold.kind == Kind::kDegrees;
  const bool answer_has = answer.kind == Kind::kDegrees;
  if (gold_has && answer_has) return Compare(*gold.args[0], *answer.args[0]);
  // 90 degrees are pi / 2, and 90 where the sign is left out.
  const Equality as_value = CompareScalar(gold, answer);
  if (as_value == Equality::kEqual) return as_value;
  if (options_.units == UnitPolicy::kRequire && gold_has) {
    return Equality::kDifferent;
  }
  // Degrees of pi / 6 are not pi / 6, where no sign was left out.
  const bool has_pi = AnyNode(gold_has ? gold : answer, [](const Node& part) {
    return part.kind == Kind::kConstant && part.name == "pi";
  });
  if (has_pi) return Equality::kDifferent;
  return gold_has ? Compare(*gold.args[0], answer)
                  : Compare(gold, *answer.args[0]);
}

// One side is a decimal and the other is what it was rounded from.
Equality Comparator::CompareDecimal(const Node& gold, const Node& answer) {
  const Decimal expected = AsDecimal(gold, budget_);
  if (expected.is_decimal) {
    // Of 3 digits or more a decimal may be the gold rounded. It is exact where
    // the answer is a finite decimal itself, but for one with more digits than
    // a gold with 4 digits, 3 behind the point, or a power of ten.
    if (!options_.decimal_gold_is_rounded || expected.digits < 3) {
      return Equality::kUnknown;
    }
    const auto exact = RationalValue(answer, budget_);
    if (HasDecimalPoint(answer)) {
      const Decimal got = AsDecimal(answer, budget_);
      const bool may_be_rounded =
          expected.is_scaled || (2 * expected.half_unit <= mpq_class(1, 1000) &&
                                 expected.value.get_den() > kMostParts);
      if (!may_be_rounded || !got.is_decimal ||
          got.half_unit >= expected.half_unit) {
        return Equality::kUnknown;
      }
    } else if (exact.has_value() && IsFiniteDecimal(*exact)) {
      return Equality::kUnknown;
    }
    const auto is_within =
        IsWithin(answer, expected.value, expected.half_unit, budget_);
    if (!is_within.has_value()) return Equality::kUnknown;
    return *is_within ? Equality::kEqual : Equality::kDifferent;
  }
  const Decimal got = AsDecimal(answer, budget_);
  if (!got.is_decimal || options_.decimal_answer_digits == 0 ||
      got.digits < options_.decimal_answer_digits) {
    return Equality::kUnknown;
  }
  // Rounded; with one digit more also cut off after the last one.
  const bool may_be_cut = got.digits > options_.decimal_answer_digits;
  const auto exact = RationalValue(gold, budget_);
  if (exact.has_value()) {
    if (exact->get_den() == 1) return Equality::kUnknown;
    const mpq_class rest = sgn(got.value) * (*exact - got.value);
    return abs(rest) <= got.half_unit ||
                   (may_be_cut && rest >= 0 && rest < 2 * got.half_unit)
               ? Equality::kEqual
               : Equality::kUnknown;
  }
  const auto is_near = [&](const mpq_class& middle) {
    return IsWithin(gold, middle, got.half_unit, budget_).value_or(false);
  };
  const mpq_class towards_exact = sgn(got.value) * got.half_unit;
  return is_near(got.value) ||
                 (may_be_cut && is_near(got.value + towards_exact))
             ? Equality::kEqual
             : Equality::kUnknown;
}

// Whether "a = b" can be true: rounded to however few digits, and where nothing
// is known of a conversion.
bool Comparator::MayBeEqual(const Node& a, const Node& b) {
  if (Compare(a, b) != Equality::kDifferent ||
      Compare(b, a) != Equality::kDifferent) {
    return true;
  }
  const auto is_beyond = [](const Node& node) {
    return node.kind == Kind::kRatio || node.kind == Kind::kBased ||
           (node.kind == Kind::kCall && node.name == "mod");
  };
  if (is_beyond(a) || is_beyond(b)) return true;
  if (a.kind == Kind::kQuantity && b.kind == Kind::kQuantity) {
    return !SameUnit(UnitOrNoun(a.name), UnitOrNoun(b.name));
  }
  const auto is_rounded = [this](const Node& value, const Node& exact) {
    const Decimal decimal = AsDecimal(value, budget_);
    return decimal.is_decimal &&
           IsWithin(exact, decimal.value, 2 * decimal.half_unit, budget_)
               .value_or(false);
  };
  return is_rounded(a, b) || is_rounded(b, a);
}

// pi/4 + k pi and 5 pi/4 + n pi: the same values for whole k and n.
bool Comparator::AreOneFamily(const Node& gold, const Node& answer) {
  constexpr int kMaxTurns = 4;  // between the two first values
  const auto mine = AsFamily(std::make_shared<Node>(gold));
  const auto theirs = AsFamily(std::make_shared<Node>(answer));
  if (!mine.has_value() || !theirs.has_value()) return false;
  const auto is_zero = [this](const NodePtr& node) {
    return CompareScalar(*MakeNumber(0), *node) == Equality::kEqual;
  };
  const auto times = [](int n, const NodePtr& a) {
    return MakeNode(Kind::kProduct, {MakeNumber(n), a});
  };
  for (const auto* family : {&*mine, &*theirs}) {
    if (is_zero(family->step) ||
        !is_zero(Minus(Minus(family->third, family->first),
                       times(2, family->step)))) {
      return false;
    }
  }
  if (!is_zero(Minus(mine->step, theirs->step)) &&
      !is_zero(MakeNode(Kind::kSum, {mine->step, theirs->step}))) {
    return false;
  }
  const NodePtr between = Minus(mine->first, theirs->first);
  for (int turns = -kMaxTurns; turns <= kMaxTurns; ++turns) {
    if (is_zero(Minus(between, times(turns, mine->step)))) return true;
  }
  return false;
}

Equality Comparator::CompareScalar(const Node& gold, const Node& answer) {
  // -37_8 is a numeral too.
  if (gold.kind == Kind::kNegate && gold.args[0]->kind == Kind::kBased) {
    return answer.kind == Kind::kNegate
               ? Compare(*gold.args[0], *answer.args[0])
               : Equality::kDifferent;
  }
  const int sign = InfinitySign(gold);
  if (sign != 0 || InfinitySign(answer) != 0) {
    return sign == InfinitySign(answer) ? Equality::kEqual
                                        : Equality::kDifferent;
  }
  if (options_.fractions_must_be_reduced && !IsReduced(answer)) {
    return Equality::kDifferent;
  }
  const Equality rounded = CompareDecimal(gold, answer);
  if (rounded != Equality::kUnknown) return rounded;
  const auto p = RationalValue(gold, budget_);
  if (p.has_value()) {
    const auto q = RationalValue(answer, budget_);
    if (q.has_value()) {
      return *p == *q ? Equality::kEqual : Equality::kDifferent;
    }
  }
  if (EqualUpToConstants(gold, answer) || AreOneFamily(gold, answer)) {
    return Equality::kEqual;
  }
  Budget quarter = budget_->Quarter();
  Equality equal = CompareAsQuotients(gold, answer, &quarter);
  budget_->Charge(quarter);
  if (equal == Equality::kUnknown) {
    equal = CompareAtPoints(gold, answer, sampling_, budget_);
  }
  if (equal == Equality::kUnknown &&
      StructuralKey(gold) == StructuralKey(answer)) {
    equal = Equality::kEqual;  // written alike: 2^{9^{9^9}}
  }
  return equal;
}

}  // namespace r1::math
