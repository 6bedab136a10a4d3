#include "reward/math/compare.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "reward/math/evaluator.h"
#include "reward/math/parse.h"
#include "reward/math/rational_value.h"
#include "reward/math/real_set.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

constexpr int kMaxComparisonDepth = 16;

bool IsScalar(const Node& node) {
  switch (node.kind) {
    case Kind::kRatio:
    case Kind::kRelation:
    case Kind::kInterval:
    case Kind::kTuple:
    case Kind::kSet:
    case Kind::kList:
    case Kind::kUnion:
    case Kind::kMatrix:
    case Kind::kText:
      return false;
    default:
      return true;
  }
}

// "no solution" and the like name the empty set.
bool IsEmptySet(const Node& node) {
  if (node.kind == Kind::kSet) return node.args.empty();
  if (node.kind != Kind::kText) return false;
  const std::string text = TextForm(node.name);
  return text == "no solution" || text == "no solutions" ||
         text == "empty set" || text == "no real solution" ||
         text == "no real solutions";
}

std::string TextOf(const Node& node, bool keep_case) {
  const std::string text = node.kind == Kind::kText ? node.name : Render(node);
  return TextForm(text, keep_case);
}

// The minutes of a time of day with a.m. or p.m., as 24 hours.
NodePtr ToTwentyFour(const Node& quantity) {
  const Node& time = *quantity.args[0];
  const bool is_pm = absl::AsciiStrToLower(quantity.name) == "pm";
  const bool is_am = absl::AsciiStrToLower(quantity.name) == "am";
  if (time.kind != Kind::kRatio || (!is_pm && !is_am) ||
      time.args[0]->kind != Kind::kNumber) {
    return nullptr;
  }
  std::vector<NodePtr> parts = time.args;
  mpq_class hour = parts[0]->value;
  if (hour == 12) hour = 0;
  if (is_pm) hour += 12;
  parts[0] = MakeNumber(hour);
  return MakeNode(Kind::kRatio, parts);
}

}  // namespace

Equality Comparator::Compare(const Node& gold, const Node& answer) {
  if (depth_ >= kMaxComparisonDepth || !budget_->Spend(5)) {
    return Equality::kUnknown;
  }
  struct Depth {
    explicit Depth(int* depth) : depth(depth) { ++*depth; }
    ~Depth() { --*depth; }
    int* depth;
  } depth(&depth_);
  if (IsEmptySet(gold) && IsEmptySet(answer)) return Equality::kEqual;
  if (gold.kind == Kind::kText || answer.kind == Kind::kText) {
    return CompareText(gold, answer);
  }
  if (gold.kind == Kind::kRelation) return CompareRelation(gold, answer);
  if (gold.kind == Kind::kList) return CompareList(gold, answer);
  if (answer.kind == Kind::kRelation) return CompareWithRelation(gold, answer);
  if (gold.kind == Kind::kQuantity || answer.kind == Kind::kQuantity) {
    const NodePtr time =
        gold.kind == Kind::kQuantity ? ToTwentyFour(gold) : nullptr;
    if (time != nullptr) {
      const NodePtr other =
          answer.kind == Kind::kQuantity ? ToTwentyFour(answer) : nullptr;
      if (other != nullptr) return Compare(*time, *other);
      // 4:30 p.m. is 16:30, and 4:30 where the half of the day is left out.
      if (Compare(*time, answer) == Equality::kEqual) return Equality::kEqual;
      return options_.units == UnitPolicy::kRequire
                 ? Equality::kDifferent
                 : Compare(*gold.args[0], answer);
    }
    return CompareUnits(gold, answer);
  }
  switch (gold.kind) {
    case Kind::kSet:
      return CompareSet(gold, answer);
    case Kind::kTuple:
      return CompareTuple(gold, answer);
    case Kind::kInterval:
    case Kind::kUnion:
      return CompareInterval(gold, answer);
    case Kind::kMatrix:
      return CompareMatrix(gold, answer);
    case Kind::kRatio:
      return CompareRatio(gold, answer);
    default:
      break;
  }
  if (!IsScalar(answer)) return Equality::kDifferent;
  if (gold.kind == Kind::kBased || answer.kind == Kind::kBased) {
    return CompareBased(gold, answer);
  }
  if (gold.kind == Kind::kPercent || answer.kind == Kind::kPercent) {
    if (gold.kind == Kind::kDegrees || answer.kind == Kind::kDegrees) {
      return Equality::kDifferent;
    }
    return ComparePercent(gold, answer);
  }
  if (gold.kind == Kind::kDegrees || answer.kind == Kind::kDegrees) {
    return CompareDegrees(gold, answer);
  }
  return CompareScalar(gold, answer);
}

Equality Comparator::CompareText(const Node& gold, const Node& answer) {
  const bool keep_case = options_.text_case_matters;
  if (TextOf(gold, keep_case) == TextOf(answer, keep_case)) {
    return Equality::kEqual;
  }
  // "four" is 4.
  const Node& words = gold.kind == Kind::kText ? gold : answer;
  const Node& other = gold.kind == Kind::kText ? answer : gold;
  const auto number = NumberWord(words.name);
  if (number.has_value() && IsScalar(other)) {
    return CompareScalar(*MakeNumber(*number), other);
  }
  return Equality::kDifferent;
}

Equality Comparator::CompareArgs(const Node& gold, const Node& answer) {
  if (gold.args.size() != answer.args.size()) return Equality::kDifferent;
  Equality verdict = Equality::kEqual;
  for (size_t i = 0; i < gold.args.size(); ++i) {
    const Equality equal = Compare(*gold.args[i], *answer.args[i]);
    if (equal == Equality::kDifferent) return equal;
    if (equal == Equality::kUnknown) verdict = equal;
  }
  return verdict;
}

Equality Comparator::CompareTuple(const Node& gold, const Node& answer) {
  const bool is_round = gold.name.empty();
  if (answer.kind == Kind::kTuple && answer.name == gold.name) {
    return CompareArgs(gold, answer);
  }
  if (answer.kind == Kind::kList && is_round && gold.args.size() > 1) {
    return CompareArgs(gold, answer);
  }
  // A column or a row is a vector.
  if (answer.kind == Kind::kMatrix && is_round &&
      (answer.cols == 1 || answer.rows == 1)) {
    return CompareArgs(gold, answer);
  }
  if (is_round && gold.args.size() == 2 &&
      (answer.kind == Kind::kUnion || IsConditionSet(answer))) {
    return CompareInterval(gold, answer);
  }
  return Equality::kDifferent;
}

Equality Comparator::CompareInterval(const Node& gold, const Node& answer) {
  const auto p = RealSet::From(gold, budget_);
  if (p.has_value()) {
    const auto q = RealSet::From(answer, budget_);
    if (q.has_value()) {
      const auto equal = RealSet::Equal(*p, *q, budget_);
      if (equal.has_value() && *equal) return Equality::kEqual;
    }
  }
  // Ends that are symbols, or decimals that say the gold's ends rounded.
  if (gold.kind == answer.kind && gold.kind != Kind::kList &&
      gold.name == answer.name && gold.ops == answer.ops &&
      gold.closed_left == answer.closed_left &&
      gold.closed_right == answer.closed_right) {
    return CompareArgs(gold, answer);
  }
  return Equality::kDifferent;
}

Equality Comparator::CompareMatrix(const Node& gold, const Node& answer) {
  if (answer.kind == Kind::kMatrix) {
    if (gold.rows != answer.rows || gold.cols != answer.cols) {
      return Equality::kDifferent;
    }
    return CompareArgs(gold, answer);
  }
  const bool is_vector = gold.cols == 1 || gold.rows == 1;
  if (is_vector && answer.kind == Kind::kTuple && answer.name.empty()) {
    return CompareArgs(gold, answer);
  }
  return Equality::kDifferent;
}

Equality Comparator::CompareRatio(const Node& gold, const Node& answer) {
  if (answer.kind == Kind::kRatio) return CompareArgs(gold, answer);
  // 7:32 as 7/32; 9:05 is a time.
  const bool is_time = gold.args[1]->kind == Kind::kNumber &&
                       gold.args[1]->name.size() > 1 &&
                       gold.args[1]->name[0] == '0';
  if (gold.args.size() == 2 && !is_time && answer.kind == Kind::kDivide) {
    return CompareArgs(gold, answer);
  }
  return Equality::kDifferent;
}

Equality Comparator::CompareBased(const Node& gold, const Node& answer) {
  const Node& based = gold.kind == Kind::kBased ? gold : answer;
  const Node& other = gold.kind == Kind::kBased ? answer : gold;
  if (other.kind == Kind::kBased) {
    return based.rows == other.rows && based.value == other.value
               ? Equality::kEqual
               : Equality::kDifferent;
  }
  const auto value = RationalValue(other, budget_);
  if (!value.has_value() || value->get_den() != 1) return Equality::kDifferent;
  if (based.rows == 10) {
    return *value == based.value ? Equality::kEqual : Equality::kDifferent;
  }
  const bool has_digits =
      other.kind == Kind::kNumber &&
      *value ==
          mpq_class(mpz_class(std::all_of(based.name.begin(), based.name.end(),
                                          absl::ascii_isdigit)
                                  ? based.name
                                  : "0",
                              10));
  return !options_.base_is_required && has_digits ? Equality::kEqual
                                                  : Equality::kDifferent;
}

}  // namespace r1::math
