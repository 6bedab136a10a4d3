#include "reward/math/compare.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "reward/math/evaluator.h"
#include "reward/math/parameter.h"
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
  static const auto* names = new absl::flat_hash_set<absl::string_view>(
      {"no solution", "no solutions", "no real solution", "no real solutions",
       "no such solution", "there is no solution", "there are no solutions",
       "there is no real solution", "there are no real solutions", "none",
       "no solution exists", "no solutions exist", "no real roots",
       "empty set"});
  return names->contains(TextForm(node.name));
}

// What some words name: all reals, infinity; null for others.
NodePtr Named(const Node& node) {
  if (node.kind != Kind::kText) return nullptr;
  static const auto* reals = new absl::flat_hash_set<absl::string_view>(
      {"all real numbers", "all reals", "real numbers", "reals",
       "set of all real numbers", "set of real numbers", "all real x",
       "all real values", "any real number", "every real number"});
  const std::string text = TextForm(node.name);
  NodePtr infinity = MakeNode(Kind::kConstant, {}, "infinity");
  if (text == "infinity") return infinity;
  if (!reals->contains(text)) return nullptr;
  return MakeNode(Kind::kTuple,
                  {MakeNode(Kind::kNegate, {infinity}), infinity});
}

std::string TextOf(const Node& node, bool keep_case) {
  const std::string text =
      TextForm(node.kind == Kind::kText ? node.name : Render(node), keep_case);
  return absl::EqualsIgnoreCase(text, "dne") ? "does not exist" : text;
}

// 20:34 and 20:34:00 are one time.
NodePtr WithoutSeconds(const Node& time) {
  const auto has_two_digits = [](const Node& part) {
    return part.kind == Kind::kNumber && part.name.size() == 2;
  };
  if (time.kind != Kind::kRatio || time.args.size() != 3 ||
      !has_two_digits(*time.args[1]) || !has_two_digits(*time.args[2]) ||
      time.args[2]->value != 0) {
    return nullptr;
  }
  return MakeNode(Kind::kRatio, {time.args[0], time.args[1]});
}

// 4:30, 16:05: two digits after the first colon.
bool MayBeTime(const Node& ratio) {
  return ratio.args[1]->kind == Kind::kNumber &&
         ratio.args[1]->name.size() == 2 && ratio.args[1]->value < 60 &&
         ratio.args[0]->kind == Kind::kNumber && ratio.args[0]->value <= 24;
}

void FlattenUnion(const Node& node, const std::string& op,
                  std::vector<NodePtr>* parts) {
  for (const NodePtr& arg : node.args) {
    if (arg->kind == Kind::kUnion && arg->name == op) {
      FlattenUnion(*arg, op, parts);
    } else {
      parts->push_back(arg);
    }
  }
}

// 2i + 3j - k as its coordinates; null unless j or k stands in it and every
// term is a multiple of one of them or of i.
NodePtr AsVector(const Node& sum, size_t num_coordinates) {
  std::vector<NodePtr> terms = {std::make_shared<Node>(sum)};
  if (sum.kind == Kind::kSum) terms = sum.args;
  std::vector<NodePtr> coordinates(num_coordinates, MakeNumber(0));
  const auto axis = [](const Node& node) {
    const bool is_name =
        node.kind == Kind::kSymbol || node.kind == Kind::kConstant;
    return is_name && node.name == "i"   ? 0
           : is_name && node.name == "j" ? 1
           : is_name && node.name == "k" ? 2
                                         : -1;
  };
  bool is_vector = false;
  for (const NodePtr& term : terms) {
    const bool is_negative = term->kind == Kind::kNegate;
    const Node& plain = is_negative ? *term->args[0] : *term;
    NodePtr factor = MakeNumber(1);
    int at = axis(plain);
    if (plain.kind == Kind::kProduct) {
      factor = plain.args[0];
      at = axis(*plain.args[1]);
    }
    if (at < 0 || at >= num_coordinates) return nullptr;
    is_vector |= at > 0;
    if (is_negative) factor = MakeNode(Kind::kNegate, {factor});
    coordinates[at] = MakeNode(Kind::kSum, {coordinates[at], factor});
  }
  return is_vector ? MakeNode(Kind::kTuple, std::move(coordinates)) : nullptr;
}

// The members of a list in square brackets, [a, b] or [a, b, c]; null: none.
const std::vector<NodePtr>* BracketedMembers(const Node& node) {
  const bool is_list =
      (node.kind == Kind::kTuple && node.name == "[]") ||
      (node.kind == Kind::kInterval && node.closed_left && node.closed_right);
  return is_list ? &node.args : nullptr;
}

// [[a, b], [c, d]] as a matrix, [a, b] as a column; null for other trees.
NodePtr AsMatrix(const Node& node) {
  const auto* rows = BracketedMembers(node);
  if (rows == nullptr) return nullptr;
  auto matrix = std::make_shared<Node>(Node{Kind::kMatrix});
  matrix->rows = static_cast<int>(rows->size());
  matrix->cols = 1;
  matrix->args = *rows;
  if (BracketedMembers(*rows->front()) == nullptr) return matrix;
  matrix->args.clear();
  matrix->cols = static_cast<int>(rows->front()->args.size());
  for (const NodePtr& row : *rows) {
    const auto* entries = BracketedMembers(*row);
    if (entries == nullptr || entries->size() != matrix->cols) return nullptr;
    matrix->args.insert(matrix->args.end(), entries->begin(), entries->end());
  }
  return matrix;
}

// The coordinates of a point with its name before it, P(2, 3); null: none.
NodePtr PointOf(const Node& node) {
  // C(3, 2), which is read as a number of choices.
  if (node.kind == Kind::kCall && node.name == "binom") {
    return MakeNode(Kind::kTuple, node.args);
  }
  const bool is_named =
      node.kind == Kind::kProduct && node.args[0]->kind == Kind::kSymbol &&
      absl::ascii_isupper(node.args[0]->name[0]) &&
      node.args[1]->kind == Kind::kTuple && node.args[1]->args.size() > 1;
  return is_named ? node.args[1] : nullptr;
}

// Words and other writings of what the other tree is; null: as it stands.
NodePtr Beside(const Node& node, const Node& other) {
  if (NodePtr named = Named(node)) return named;
  if (other.kind != Kind::kTuple) return nullptr;
  if (NodePtr point = PointOf(node)) return point;
  return IsScalar(node) ? AsVector(node, other.args.size()) : nullptr;
}

// `equal`, or where only one side writes capitals together, how the sides
// compare when it does not either. Two names of the same letters stay two.
Equality OrSpelledOut(Equality equal, const Node& gold, const Node& answer,
                      Comparator* comparator) {
  if (equal == Equality::kEqual) return equal;
  const NodePtr mine = SpelledOut(gold);
  const NodePtr theirs = SpelledOut(answer);
  if ((mine == nullptr) == (theirs == nullptr)) return equal;
  return comparator->Compare(mine == nullptr ? gold : *mine,
                             theirs == nullptr ? answer : *theirs);
}

// A time of day with a.m. or p.m. as one of 24 hours; null for other trees.
NodePtr ToTwentyFour(const Node& quantity) {
  if (quantity.kind != Kind::kQuantity) return nullptr;
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
  if (answer.kind == Kind::kRelation && ContradictsItself(answer)) {
    return Equality::kDifferent;
  }
  if (const NodePtr mine = Beside(gold, answer)) return Compare(*mine, answer);
  if (const NodePtr theirs = Beside(answer, gold)) {
    return Compare(gold, *theirs);
  }
  if (IsCongruence(gold) && IsCongruence(answer)) {
    return CompareCongruences(gold, answer);
  }
  if (answer.kind == Kind::kMatrix) {
    if (const NodePtr matrix = AsMatrix(gold)) {
      return CompareMatrix(*matrix, answer);
    }
  }
  if (gold.kind == Kind::kText || answer.kind == Kind::kText) {
    return CompareText(gold, answer);
  }
  if (gold.kind == Kind::kRelation) {
    return OrSpelledOut(CompareRelation(gold, answer), gold, answer, this);
  }
  if (gold.kind == Kind::kList) return CompareList(gold, answer);
  if (answer.kind == Kind::kRelation) return CompareWithRelation(gold, answer);
  if (gold.kind == Kind::kQuantity || answer.kind == Kind::kQuantity) {
    const NodePtr other = ToTwentyFour(answer);
    if (const NodePtr time = ToTwentyFour(gold)) {
      if (other != nullptr) return Compare(*time, *other);
      // 4:30 p.m. is 16:30, and 4:30 where the half of the day is left out.
      if (Compare(*time, answer) == Equality::kEqual) return Equality::kEqual;
      return options_.units == UnitPolicy::kRequire
                 ? Equality::kDifferent
                 : Compare(*gold.args[0], answer);
    }
    if (other != nullptr && Compare(gold, *other) == Equality::kEqual) {
      return Equality::kEqual;
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
  // 3:4 for 3/4 and 0.75, as 3/4 for 3:4.
  if (answer.kind == Kind::kRatio &&
      (gold.kind == Kind::kDivide || gold.kind == Kind::kNumber)) {
    return CompareRatio(answer, gold);
  }
  // "1/2 or 0.5" says one thing twice.
  if (answer.kind == Kind::kList && answer.name == "or") {
    for (const NodePtr& element : answer.args) {
      const Equality equal = Compare(gold, *element);
      if (equal != Equality::kEqual) return equal;
    }
    return Equality::kEqual;
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
  return OrSpelledOut(CompareScalar(gold, answer), gold, answer, this);
}

Equality Comparator::CompareText(const Node& gold, const Node& answer) {
  const bool keep_case = options_.text_case_matters;
  if (TextOf(gold, keep_case) == TextOf(answer, keep_case)) {
    return Equality::kEqual;
  }
  // "four" is 4.
  const auto as_number = [](const Node& node) -> NodePtr {
    if (node.kind != Kind::kText) {
      return IsScalar(node) ? std::make_shared<Node>(node) : nullptr;
    }
    const auto number = NumberInWords(node.name);
    return number.has_value() ? MakeNumber(*number) : nullptr;
  };
  const NodePtr mine = as_number(gold);
  const NodePtr theirs = as_number(answer);
  if (mine == nullptr || theirs == nullptr) return Equality::kDifferent;
  return CompareScalar(*mine, *theirs);
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
  if (answer.kind == Kind::kList && is_round && gold.args.size() > 1 &&
      CompareArgs(gold, answer) == Equality::kEqual) {
    return Equality::kEqual;
  }
  // A column or a row is a vector.
  if (answer.kind == Kind::kMatrix && is_round &&
      (answer.cols == 1 || answer.rows == 1)) {
    return CompareArgs(gold, answer);
  }
  if (is_round && gold.args.size() == 2 &&
      (answer.kind == Kind::kUnion || IsConditionSet(answer) ||
       (answer.kind == Kind::kList && options_.inequalities_are_sets))) {
    return CompareInterval(gold, answer);
  }
  return Equality::kDifferent;
}

Equality Comparator::CompareInterval(const Node& gold, const Node& answer) {
  const auto p = RealSet::From(gold, budget_);
  if (p.has_value()) {
    auto q = RealSet::From(answer, budget_);
    // {1, 2} whose braces were not escaped.
    if (!q.has_value() && gold.kind == Kind::kUnion &&
        answer.kind == Kind::kList && answer.name.empty()) {
      q = RealSet::From(*MakeNode(Kind::kSet, answer.args), budget_);
    }
    if (q.has_value()) {
      const auto equal = RealSet::Equal(*p, *q, budget_);
      if (equal.has_value() && *equal) return Equality::kEqual;
    }
  }
  if (gold.kind == Kind::kUnion && answer.kind == Kind::kUnion &&
      gold.name == answer.name && gold.name != "setminus" && !p.has_value()) {
    return CompareUnion(gold, answer);
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
  if (const NodePtr matrix = AsMatrix(answer)) {
    const bool is_row = gold.rows == 1 && matrix->cols == 1;
    if (!is_row && (gold.rows != matrix->rows || gold.cols != matrix->cols)) {
      return Equality::kDifferent;
    }
    return CompareArgs(gold, *matrix);
  }
  const bool is_vector = gold.cols == 1 || gold.rows == 1;
  if (is_vector && answer.kind == Kind::kTuple && answer.name.empty()) {
    return CompareArgs(gold, answer);
  }
  return Equality::kDifferent;
}

// A up B is B up A, also of letters.
Equality Comparator::CompareUnion(const Node& gold, const Node& answer) {
  std::vector<NodePtr> mine, theirs;
  FlattenUnion(gold, gold.name, &mine);
  FlattenUnion(answer, gold.name, &theirs);
  return Match(mine, theirs);
}

Equality Comparator::CompareRatio(const Node& gold, const Node& answer) {
  if (answer.kind == Kind::kRatio) {
    const NodePtr mine = WithoutSeconds(gold);
    const NodePtr theirs = WithoutSeconds(answer);
    const Equality same = CompareArgs(mine == nullptr ? gold : *mine,
                                      theirs == nullptr ? answer : *theirs);
    if (same == Equality::kEqual || gold.args.size() != answer.args.size() ||
        MayBeTime(gold)) {
      return same;
    }
    // 6:8 is 3:4: every part by the first. A part that is 0 has no ratio.
    const bool has_zero = std::any_of(
        gold.args.begin(), gold.args.end(), [this](const NodePtr& part) {
          return CompareScalar(*MakeNumber(0), *part) != Equality::kDifferent;
        });
    if (has_zero) return same;
    Equality verdict = Equality::kEqual;
    for (size_t i = 1; i < gold.args.size(); ++i) {
      const Equality equal = CompareScalar(
          *MakeNode(Kind::kProduct, {gold.args[i], answer.args[0]}),
          *MakeNode(Kind::kProduct, {answer.args[i], gold.args[0]}));
      if (equal != Equality::kEqual) verdict = equal;
    }
    return verdict;
  }
  // 7:32 as 7/32, but a time is no number.
  const bool has_leading_zero = gold.args[1]->kind == Kind::kNumber &&
                                gold.args[1]->name.size() > 1 &&
                                gold.args[1]->name[0] == '0';
  const bool is_time =
      answer.kind == Kind::kDivide ? has_leading_zero : MayBeTime(gold);
  if (gold.args.size() != 2 || is_time || !IsScalar(answer)) {
    return Equality::kDifferent;
  }
  return CompareScalar(*MakeNode(Kind::kDivide, gold.args), answer);
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
