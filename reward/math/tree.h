// The typed tree that every answer, LaTeX or plain text, is parsed to.
#ifndef R1_REWARD_MATH_TREE_H_
#define R1_REWARD_MATH_TREE_H_

#include <gmpxx.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1::math {

enum class Kind {
  // Scalars.
  kNumber,     // value; decimals >= 0 where it was written with a point
  kSymbol,     // name: "x", "x_{1}", "AB"
  kConstant,   // name: "pi", "e", "i", "infinity"
  kNegate,     // -a
  kSum,        // a + b + ...
  kProduct,    // a b ...
  kDivide,     // a / b
  kPower,      // a ^ b
  kRoot,       // a-th root: args {radicand, index}
  kCall,       // name(args): "sin", "abs", "factorial", or an unknown "f"
  kPlusMinus,  // name "+-" or "-+"; args {b} or {a, b}
  kDegrees,    // a degrees
  kPercent,    // a percent
  kQuantity,   // a with the unit `name`
  kBased,      // a numeral: name = digits, rows = base, value
  // Everything else.
  kRatio,     // a : b : ...
  kRelation,  // args[0] ops[0] args[1] ops[1] ...
  kInterval,  // args {low, high}, at least one bracket square
  kTuple,     // ordered, in ( ) or angle brackets
  kSet,       // in \{ \}; no args: the empty set
  kList,      // a, b, c without brackets
  kUnion,     // name "cup", "cap" or "setminus"; args {a, b}
  kMatrix,    // rows x cols, row by row
  kText,      // name, as written
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Node {
  Kind kind;
  std::string name = {};
  std::vector<NodePtr> args = {};
  mpq_class value = 0;
  int decimals = -1;  // digits after the point as written; -1: no point
  int digits = 0;     // significant digits as written, for decimals
  std::vector<std::string> ops = {};  // of a relation: "=", "<", "<=", ...
  bool closed_left = false;           // of an interval
  bool closed_right = false;
  int rows = 0;  // of a matrix
  int cols = 0;
};

NodePtr MakeNumber(mpq_class value);
// Null if an argument is: a part that could not be read.
NodePtr MakeNode(Kind kind, std::vector<NodePtr> args, std::string name = "");

// a - b
NodePtr Minus(const NodePtr& a, const NodePtr& b);

// LaTeX that parses to an equal tree; one line.
std::string Render(const Node& node);

// "number", "interval", ...: for messages.
absl::string_view KindName(Kind kind);

// Whether any node below (itself included) satisfies the predicate.
template <typename Predicate>
bool AnyNode(const Node& node, Predicate predicate) {
  if (predicate(node)) return true;
  for (const NodePtr& arg : node.args) {
    if (AnyNode(*arg, predicate)) return true;
  }
  return false;
}

inline bool HasDecimalPoint(const Node& node) {
  return AnyNode(node, [](const Node& part) { return part.decimals >= 0; });
}

inline bool HasKind(const Node& node, Kind kind) {
  return AnyNode(node, [kind](const Node& part) { return part.kind == kind; });
}

}  // namespace r1::math

#endif  // R1_REWARD_MATH_TREE_H_
