// Whether an answer's tree means what the gold's does. The gold's kind picks
// the comparison.
#ifndef R1_REWARD_MATH_COMPARE_H_
#define R1_REWARD_MATH_COMPARE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "reward/math/budget.h"
#include "reward/math/enclosure.h"
#include "reward/math/options.h"
#include "reward/math/tree.h"

namespace r1::math {

class Comparator {
 public:
  // Both must outlive the comparator.
  Comparator(const MathOptions& options, Budget* budget)
      : options_(options),
        sampling_{options.variables_are_positive},
        budget_(budget) {}

  // kUnknown where neither a normal form nor the points decide.
  Equality Compare(const Node& gold, const Node& answer);

 private:
  // compare.cc: by kind.
  Equality CompareText(const Node& gold, const Node& answer);
  Equality CompareTuple(const Node& gold, const Node& answer);
  Equality CompareInterval(const Node& gold, const Node& answer);
  Equality CompareMatrix(const Node& gold, const Node& answer);
  Equality CompareRatio(const Node& gold, const Node& answer);
  Equality CompareUnion(const Node& gold, const Node& answer);
  Equality CompareBased(const Node& gold, const Node& answer);
  Equality CompareArgs(const Node& gold, const Node& answer);

  // compare_list.cc: lists and sets.
  Equality CompareList(const Node& gold, const Node& answer);
  Equality CompareSet(const Node& gold, const Node& answer);
  Equality CompareNamed(const Node& gold, const Node& answer);
  Equality Match(const std::vector<NodePtr>& gold,
                 const std::vector<NodePtr>& answer);
  std::vector<NodePtr> Distinct(const std::vector<NodePtr>& elements);

  // compare_relation.cc: equations and inequalities.
  Equality CompareRelation(const Node& gold, const Node& answer);
  Equality CompareEquations(const Node& gold, const Node& answer);
  Equality CompareInequalities(const Node& gold, const Node& answer);
  Equality CompareWithRelation(const Node& gold, const Node& answer);
  Equality CompareCongruences(const Node& gold, const Node& answer);
  bool SameName(const Node& a, const Node& b) const;
  bool ContradictsItself(const Node& chain);

  // compare_scalar.cc: numbers, units and expressions.
  Equality CompareUnits(const Node& gold, const Node& answer);
  Equality ComparePercent(const Node& gold, const Node& answer);
  Equality CompareDegrees(const Node& gold, const Node& answer);
  Equality CompareScalar(const Node& gold, const Node& answer);
  Equality CompareDecimal(const Node& gold, const Node& answer);
  bool MayBeEqual(const Node& a, const Node& b);
  bool AreOneFamily(const Node& gold, const Node& answer);

  // compare_constant.cc: arbitrary constants.
  bool EqualUpToConstants(const Node& gold, const Node& answer);
  bool IsAntiderivative(const Node& gold, const Node& answer);

  const MathOptions& options_;
  const SamplingOptions sampling_;
  Budget* budget_;
  int depth_ = 0;
};

// A relation "name = value": x = 5, f(x) = x + 1, (p, q) = (1, 2), 5 = x,
// x = 2 + 3 = 5, x ~ 5. Null members if it is none.
struct Assignment {
  NodePtr name;
  NodePtr value;
};
Assignment AsAssignment(const Node& node);

// Whether the node is a (mod m) or x = a (mod m).
bool IsCongruence(const Node& node);

// The tree with every plus-minus written out: a list of both, if it has one.
// Products and sums of matrices are worked out.
NodePtr Expand(const NodePtr& node);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_COMPARE_H_
