// Sets of real numbers as sorted, disjoint pieces.
#ifndef R1_REWARD_MATH_REAL_SET_H_
#define R1_REWARD_MATH_REAL_SET_H_

#include <optional>
#include <vector>

#include "reward/math/budget.h"
#include "reward/math/tree.h"

namespace r1::math {

class RealSet {
 public:
  // The set an interval, a pair in round brackets, a finite set, a union or
  // difference of those, or inequalities of one unknown are; nothing for other
  // trees and where two ends cannot be compared.
  static std::optional<RealSet> From(const Node& node, Budget* budget);

  // Whether the sets are equal; nothing where that cannot be told.
  static std::optional<bool> Equal(const RealSet& a, const RealSet& b,
                                   Budget* budget);

 private:
  // From low to high; a null end is infinite. A point is closed with low =
  // high.
  struct Piece {
    NodePtr low, high;
    bool closed_low = false, closed_high = false;
  };
  using Pieces = std::vector<Piece>;

  static std::optional<RealSet> FromRelation(const Node& node, Budget* budget);
  static std::optional<RealSet> FromList(const Node& node, Budget* budget);
  static std::optional<RealSet> Normalised(Pieces pieces, Budget* budget);
  static std::optional<RealSet> Union(const RealSet& a, const RealSet& b,
                                      Budget* budget);
  static std::optional<RealSet> Intersection(const RealSet& a, const RealSet& b,
                                             Budget* budget);
  static RealSet Half(const NodePtr& end, bool is_below, bool is_closed);
  // All reals but these.
  RealSet Complement() const;
  // {x : |x| in this}.
  std::optional<RealSet> OfAbsoluteValue(Budget* budget) const;

  Pieces pieces_;
};

// {x | x > 2}: a set given by its condition.
bool IsConditionSet(const Node& node);

// Whether the node can stand for an unknown: x, f(x), AB.
bool IsUnknown(const Node& node);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_REAL_SET_H_
