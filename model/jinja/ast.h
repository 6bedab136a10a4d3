// What a template says, as a tree.
#ifndef R1_MODEL_JINJA_AST_H_
#define R1_MODEL_JINJA_AST_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/jinja/value.h"

namespace r1::jinja {

struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  enum class Kind {
    // Expressions. `children` hold operands; a null one was left out.
    kConstant,   // value
    kName,       // name
    kList,       // items
    kTuple,      // items
    kDict,       // key, value, key, value, …
    kNegative,   // operand
    kPositive,   // operand
    kNot,        // operand
    kAnd,        // left, right
    kOr,         // left, right
    kBinary,     // name: + - * / // % **; left, right
    kCompare,    // left, right, right, …; operators in `names`
    kConcat,     // items
    kCondition,  // test, then, else or null
    kAttribute,  // object; name
    kItem,       // object, key
    kSlice,      // object, start, stop, step; each or null
    kCall,       // callee, arguments; the last `names` are named
    kFilter,     // input (null: the body of a block), arguments; name
    kTest,       // input, arguments; name
    // Statements. `body` and `otherwise` are lists of them.
    kText,         // value: a text
    kPrint,        // expression
    kIf,           // test; body; otherwise (else, or one kIf: elif)
    kFor,          // sequence, condition or null; targets in `names`
    kSet,          // expression; targets in `names`
    kSetBlock,     // filter or null; target in `names`; body
    kFilterBlock,  // filter; body
    kMacro,        // defaults of the last `names`; name; body
    kScope,        // expressions for `names` (with); body
    kBreak,
    kContinue,
  };

  Kind kind;
  int line;
  Value value;
  std::string name;
  // Targets of assignments; "space.name" sets an item of a namespace.
  std::vector<std::string> names;
  std::vector<NodePtr> children;
  std::vector<NodePtr> body, otherwise;
  int depth = 1;  // of the expression's tree
};

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_AST_H_
