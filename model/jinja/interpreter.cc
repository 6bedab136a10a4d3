#include "model/jinja/interpreter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/jinja/methods.h"
#include "model/jinja/operators.h"
#include "model/jinja/print.h"

namespace r1::jinja {

using Kind = Node::Kind;

Text Interpreter::Run(std::vector<std::pair<std::string, Value>> variables) {
  Scope* scope = machine_->NewScope(nullptr);
  scope->names = std::move(variables);
  Text out;
  // Assignments of the template do not reach the variables it was given.
  Execute(*body_, machine_->NewScope(scope), &out);
  return out;
}

void Interpreter::Print(const Text& text, Text* out) {
  machine_->Charge(text.bytes.size());
  out->Append(text);
  if (out->bytes.size() > kMaxOutputBytes) {
    machine_->Fail(
        absl::StrCat("prints more than ", kMaxOutputBytes, " bytes"));
  }
}

Interpreter::Leave Interpreter::Execute(const std::vector<NodePtr>& body,
                                        Scope* scope, Text* out) {
  Leave leave = Leave::kAtEnd;
  if (++depth_ > kMaxDepth) {
    machine_->Fail(
        absl::StrCat("blocks and macros are nested deeper than ", kMaxDepth));
  }
  for (const NodePtr& node : body) {
    if (machine_->failed()) break;
    leave = ExecuteOne(*node, scope, out);
    if (leave != Leave::kAtEnd) break;
  }
  --depth_;
  return leave;
}

Interpreter::Leave Interpreter::ExecuteOne(const Node& node, Scope* scope,
                                           Text* out) {
  machine_->line = node.line;
  machine_->Charge();
  switch (node.kind) {
    case Kind::kText:
      Print(TextOf(node.value), out);
      break;
    case Kind::kPrint:
      Print(ToText(machine_, Evaluate(*node.children[0], scope)), out);
      break;
    case Kind::kIf: {
      // Along the chain of elif without going deeper.
      const Node* branch = &node;
      while (!IsTrue(Evaluate(*branch->children[0], scope))) {
        const auto& otherwise = branch->otherwise;
        if (otherwise.size() != 1 || otherwise[0]->kind != Kind::kIf ||
            machine_->failed()) {
          return Execute(otherwise, scope, out);
        }
        branch = otherwise[0].get();
      }
      return Execute(branch->body, scope, out);
    }
    case Kind::kFor:
      return For(node, scope, out);
    case Kind::kSet:
      Assign(node.names, Evaluate(*node.children[0], scope), scope);
      break;
    case Kind::kSetBlock: {
      Value value = machine_->NewText(Capture(node, scope));
      if (node.children[0] != nullptr) {
        value = Filter(*node.children[0], scope, &value);
      }
      AssignOne(node.names[0], std::move(value), scope);
      break;
    }
    case Kind::kFilterBlock: {
      const Value body = machine_->NewText(Capture(node, scope));
      Print(ToText(machine_, Filter(*node.children[0], scope, &body)), out);
      break;
    }
    case Kind::kMacro: {
      Macro* macro = machine_->NewMacro();
      *macro = {&node, scope};
      AssignOne(node.name, static_cast<const Macro*>(macro), scope);
      break;
    }
    case Kind::kScope: {
      Scope* inner = machine_->NewScope(scope);
      for (size_t i = 0; i < node.names.size(); ++i) {
        AssignOne(node.names[i], Evaluate(*node.children[i], scope), inner);
      }
      return Execute(node.body, inner, out);
    }
    case Kind::kBreak:
      return Leave::kBreak;
    case Kind::kContinue:
      return Leave::kContinue;
    default:
      break;  // expressions are no statements
  }
  return Leave::kAtEnd;
}

Interpreter::Leave Interpreter::For(const Node& node, Scope* scope, Text* out) {
  std::vector<Value> all =
      ItemsOf(machine_, Evaluate(*node.children[0], scope));
  if (node.children[1] != nullptr) {
    std::vector<Value> kept;
    for (const Value& item : all) {
      Scope* inner = machine_->NewScope(scope);
      Assign(node.names, item, inner);
      if (IsTrue(Evaluate(*node.children[1], inner))) kept.push_back(item);
      if (machine_->failed()) return Leave::kAtEnd;
    }
    all = std::move(kept);
  }
  if (machine_->failed()) return Leave::kAtEnd;
  if (all.empty()) return Execute(node.otherwise, scope, out);
  // Lives on with the loop variable, which a namespace may keep.
  const Value items = machine_->NewList(std::move(all));
  if (machine_->failed()) return Leave::kAtEnd;
  const std::vector<Value>& list = std::get<List*>(items)->items;
  for (size_t i = 0; i < list.size() && !machine_->failed(); ++i) {
    Scope* inner = machine_->NewScope(scope);
    Loop* loop = machine_->NewLoop();
    *loop = {&list, i};
    inner->names.emplace_back("loop", loop);
    Assign(node.names, list[i], inner);
    if (Execute(node.body, inner, out) == Leave::kBreak) break;
  }
  return Leave::kAtEnd;
}

Text Interpreter::Capture(const Node& node, Scope* scope) {
  Text out;
  Execute(node.body, machine_->NewScope(scope), &out);
  return out;
}

void Interpreter::Assign(const std::vector<std::string>& targets,
                         const Value& value, Scope* scope) {
  if (targets.size() == 1) return AssignOne(targets[0], value, scope);
  std::vector<Value> items = ItemsOf(machine_, value);
  if (items.size() != targets.size()) {
    machine_->Fail(absl::StrCat("expected ", targets.size(),
                                " values to assign, got ", items.size()));
    return;
  }
  for (size_t i = 0; i < targets.size(); ++i) {
    AssignOne(targets[i], std::move(items[i]), scope);
  }
}

void Interpreter::AssignOne(const std::string& target, Value value,
                            Scope* scope) {
  machine_->Charge();
  auto* names = &scope->names;
  std::string name = target;
  const size_t dot = target.find('.');
  if (dot != std::string::npos) {
    const Value space = Lookup(target.substr(0, dot), scope);
    name = target.substr(dot + 1);
    if (!Is<Namespace*>(space) || name[0] == '_') {
      machine_->Fail(absl::StrCat("cannot assign to ", target, ": ",
                                  name[0] == '_' ? "the name begins with \"_\""
                                                 : "it is not of a namespace"));
      return;
    }
    names = &std::get<Namespace*>(space)->items;
  }
  for (auto& [known, old] : *names) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  names->emplace_back(std::move(name), std::move(value));
}

Value Interpreter::Lookup(const std::string& name, Scope* scope) {
  for (; scope != nullptr; scope = scope->outer) {
    for (const auto& [known, value] : scope->names) {
      if (known == name) return value;
    }
  }
  Value function;
  HasFunction(name, &function);
  return function;
}

Value Interpreter::Evaluate(const Node& node, Scope* scope) {
  machine_->Charge();
  if (machine_->failed()) return Undefined();
  const int line = machine_->line;
  machine_->line = node.line;
  Value value = EvaluateInner(node, scope);
  machine_->line = line;
  return value;
}

Value Interpreter::EvaluateInner(const Node& node, Scope* scope) {
  const auto child = [&](size_t i) {
    return Evaluate(*node.children[i], scope);
  };
  switch (node.kind) {
    case Kind::kConstant:
      return node.value;
    case Kind::kName:
      return Lookup(node.name, scope);
    case Kind::kList:
    case Kind::kTuple: {
      std::vector<Value> items;
      for (size_t i = 0; i < node.children.size(); ++i) {
        items.push_back(child(i));
      }
      return machine_->NewList(std::move(items), node.kind == Kind::kTuple);
    }
    case Kind::kDict:
      return MakeDict(node, scope);
    case Kind::kNegative:
      return Arithmetic(machine_, "-", int64_t{0}, child(0));
    case Kind::kPositive:
      return Arithmetic(machine_, "+", int64_t{0}, child(0));
    case Kind::kNot:
      return !IsTrue(child(0));
    case Kind::kAnd: {
      Value left = child(0);
      return IsTrue(left) ? child(1) : left;
    }
    case Kind::kOr: {
      Value left = child(0);
      return IsTrue(left) ? left : child(1);
    }
    case Kind::kBinary: {
      const Value left = child(0);
      return Arithmetic(machine_, node.name, left, child(1));
    }
    case Kind::kCompare:
      return Compare(node, scope);
    case Kind::kConcat: {
      Text text;
      for (size_t i = 0; i < node.children.size(); ++i) {
        text.Append(ToText(machine_, child(i)));
      }
      return machine_->NewText(std::move(text));
    }
    case Kind::kCondition:
      if (IsTrue(child(0))) return child(1);
      return node.children[2] == nullptr ? Value() : child(2);
    case Kind::kAttribute:
      return GetAttribute(machine_, child(0), node.name);
    case Kind::kItem: {
      const Value object = child(0);
      return GetItem(machine_, object, child(1));
    }
    case Kind::kSlice: {
      Value bounds[4];
      for (int i = 0; i < 4; ++i) {
        bounds[i] = node.children[i] == nullptr ? Value(None()) : child(i);
      }
      return GetSlice(machine_, bounds[0], bounds[1], bounds[2], bounds[3]);
    }
    case Kind::kCall:
      return Call(node, scope);
    case Kind::kFilter:
      return Filter(node, scope, nullptr);
    case Kind::kTest: {
      const Value input = child(0);
      return CallTest(machine_, node.name, input,
                      EvaluateArguments(node, scope, 1));
    }
    default:
      return Undefined();
  }
}

Value Interpreter::MakeDict(const Node& node, Scope* scope) {
  Dict* dict = machine_->NewDict();
  for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
    Value key = Evaluate(*node.children[i], scope);
    SetKey(machine_, dict, std::move(key),
           Evaluate(*node.children[i + 1], scope));
  }
  return dict;
}

Value Interpreter::Compare(const Node& node, Scope* scope) {
  Value left = Evaluate(*node.children[0], scope);
  for (size_t i = 0; i < node.names.size(); ++i) {
    Value right = Evaluate(*node.children[i + 1], scope);
    const std::string& op = node.names[i];
    bool holds = false;
    if (op == "==" || op == "!=") {
      holds = IsEqual(machine_, left, right) == (op == "==");
    } else if (op == "in" || op == "not in") {
      holds = Contains(machine_, right, left) == (op == "in");
    } else {
      const int order = Order(machine_, left, right);
      holds = op == "<"    ? order < 0
              : op == "<=" ? order <= 0
              : op == ">"  ? order > 0
                           : order >= 0;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Arguments Interpreter::EvaluateArguments(const Node& node, Scope* scope,
                                         size_t from) {
  Arguments arguments;
  const size_t first_named = node.children.size() - node.names.size();
  for (size_t i = from; i < node.children.size(); ++i) {
    Value value = Evaluate(*node.children[i], scope);
    if (i < first_named) {
      arguments.positional.push_back(std::move(value));
    } else {
      arguments.named.emplace_back(node.names[i - first_named],
                                   std::move(value));
    }
  }
  return arguments;
}

Value Interpreter::Filter(const Node& node, Scope* scope, const Value* body) {
  const Node* input = node.children[0].get();
  Value value;
  if (input == nullptr) {
    value = *body;
  } else if (body != nullptr) {
    value = Filter(*input, scope, body);
  } else {
    value = Evaluate(*input, scope);
  }
  return CallFilter(machine_, node.name, value,
                    EvaluateArguments(node, scope, 1));
}

Value Interpreter::Call(const Node& node, Scope* scope) {
  const Node& named = *node.children[0];
  const Value callee = Evaluate(named, scope);
  const Arguments arguments = EvaluateArguments(node, scope, 1);
  if (machine_->failed()) return Undefined();
  machine_->line = node.line;
  if (Is<const Macro*>(callee)) {
    return CallMacro(*std::get<const Macro*>(callee), arguments);
  }
  if (Is<Method*>(callee)) {
    return CallMethod(machine_, *std::get<Method*>(callee), arguments);
  }
  if (Is<Function>(callee)) {
    return CallFunction(machine_, std::get<Function>(callee).name, arguments);
  }
  return machine_->Fail(absl::StrCat(
      named.name.empty() ? "a value" : absl::StrCat("\"", named.name, "\""),
      " is ", TypeName(callee), " and cannot be called"));
}

Value Interpreter::CallMacro(const Macro& macro, const Arguments& arguments) {
  const Node& node = *macro.node;
  if (arguments.positional.size() > node.names.size()) {
    return machine_->Fail(absl::StrCat("the macro ", node.name, " takes ",
                                       node.names.size(), " arguments, got ",
                                       arguments.positional.size()));
  }
  for (const auto& [name, value] : arguments.named) {
    const size_t at = std::find(node.names.begin(), node.names.end(), name) -
                      node.names.begin();
    if (at == node.names.size() || at < arguments.positional.size()) {
      return machine_->Fail(absl::StrCat("the macro ", node.name,
                                         " cannot take the argument ", name));
    }
  }
  Scope* scope = machine_->NewScope(macro.scope);
  const size_t first_default = node.names.size() - node.children.size();
  for (size_t i = 0; i < node.names.size(); ++i) {
    Value value;
    bool is_given = i < arguments.positional.size();
    if (is_given) value = arguments.positional[i];
    for (const auto& [name, named] : arguments.named) {
      if (name != node.names[i]) continue;
      value = named;
      is_given = true;
    }
    if (!is_given && i >= first_default) {
      value = Evaluate(*node.children[i - first_default], scope);
    }
    scope->names.emplace_back(node.names[i], std::move(value));
  }
  Text out;
  Execute(node.body, scope, &out);
  return machine_->NewText(std::move(out));
}

}  // namespace r1::jinja
