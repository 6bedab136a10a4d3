// Runs the tree of a template.
#ifndef R1_MODEL_JINJA_INTERPRETER_H_
#define R1_MODEL_JINJA_INTERPRETER_H_

#include <string>
#include <utility>
#include <vector>

#include "model/jinja/ast.h"
#include "model/jinja/call.h"
#include "model/jinja/machine.h"

namespace r1::jinja {

// One rendering. Its faults are the machine's.
class Interpreter {
 public:
  // Both outlive it.
  Interpreter(Machine* machine, const std::vector<NodePtr>* body)
      : machine_(machine), body_(body) {}

  // The text under these variables.
  Text Run(std::vector<std::pair<std::string, Value>> variables);

 private:
  // How a body was left.
  enum class Leave { kAtEnd, kBreak, kContinue };

  Leave Execute(const std::vector<NodePtr>& body, Scope* scope, Text* out);
  Leave ExecuteOne(const Node& node, Scope* scope, Text* out);
  Leave For(const Node& node, Scope* scope, Text* out);
  // What a body prints, in a scope of its own.
  Text Capture(const Node& node, Scope* scope);
  void Print(const Text& text, Text* out);
  void Assign(const std::vector<std::string>& targets, const Value& value,
              Scope* scope);
  void AssignOne(const std::string& target, Value value, Scope* scope);

  Value Evaluate(const Node& node, Scope* scope);
  Value EvaluateInner(const Node& node, Scope* scope);
  Value Lookup(const std::string& name, Scope* scope);
  Value MakeDict(const Node& node, Scope* scope);
  Value Compare(const Node& node, Scope* scope);
  Value Call(const Node& node, Scope* scope);
  Value CallMacro(const Macro& macro, const Arguments& arguments);
  // children[from…], the last of them named.
  Arguments EvaluateArguments(const Node& node, Scope* scope, size_t from);
  // input | filter…, innermost first; a null input is `body`.
  Value Filter(const Node& node, Scope* scope, const Value* body);

  Machine* machine_;
  const std::vector<NodePtr>* body_;
  int depth_ = 0;  // of bodies and macros
};

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_INTERPRETER_H_
