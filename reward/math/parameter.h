// Letters that may be called otherwise: the whole number of a family such as
// pi/4 + k pi, the argument of f(x) = 2x.
#ifndef R1_REWARD_MATH_PARAMETER_H_
#define R1_REWARD_MATH_PARAMETER_H_

#include <optional>
#include <set>
#include <string>

#include "reward/math/tree.h"

namespace r1::math {

// The symbols of a tree.
std::set<std::string> Letters(const Node& node);

// The tree with `value` wherever the symbol `name` stands.
NodePtr WithValue(const NodePtr& node, const std::string& name,
                  const NodePtr& value);

// The tree with the letters of each name of capitals, as in RT, as factors; an
// exponent stands over the last. Null where there is no such name.
NodePtr SpelledOut(const Node& node);

// The values for k = 0, 1, 2 of a tree whose only letter k counts.
struct Family {
  NodePtr first;
  NodePtr step;   // from k = 0 to k = 1
  NodePtr third;  // first + 2 step, if the tree is linear in k
};

// Nothing for trees with other letters than one of those that count (k, n, m,
// l, j), and for those without pi or degrees.
std::optional<Family> AsFamily(const NodePtr& node);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_PARAMETER_H_
