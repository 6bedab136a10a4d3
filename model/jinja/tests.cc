// Tests: what stands after "is".
#include "absl/strings/str_cat.h"
#include "model/jinja/call.h"
#include "model/jinja/operators.h"
#include "model/jinja/print.h"
#include "model/unicode.h"

namespace r1::jinja {
namespace {

// Tests of one value; false if `name` is none of them.
bool CallUnaryTest(Machine* machine, const std::string& name, const Value& v,
                   bool* result) {
  const bool is_number = Is<int64_t>(v) || Is<double>(v) || Is<bool>(v);
  const bool is_sequence = IsText(v) || Is<List*>(v) || Is<Dict*>(v);
  if (name == "defined") {
    *result = !Is<Undefined>(v);
  } else if (name == "undefined") {
    *result = Is<Undefined>(v);
  } else if (name == "none") {
    *result = Is<None>(v);
  } else if (name == "string") {
    *result = IsText(v);
  } else if (name == "mapping") {
    *result = Is<Dict*>(v);
  } else if (name == "number") {
    *result = is_number;
  } else if (name == "integer") {
    *result = Is<int64_t>(v);
  } else if (name == "float") {
    *result = Is<double>(v);
  } else if (name == "boolean") {
    *result = Is<bool>(v);
  } else if (name == "true" || name == "false") {
    *result = Is<bool>(v) && std::get<bool>(v) == (name == "true");
  } else if (name == "sequence") {  // has a length and items
    *result = is_sequence || Is<Undefined>(v);
  } else if (name == "iterable") {
    *result = is_sequence || Is<Undefined>(v) || Is<Loop*>(v);
  } else if (name == "callable") {
    *result = Is<const Macro*>(v) || Is<Method*>(v) || Is<Function>(v) ||
              Is<Undefined>(v);
  } else if (name == "escaped") {
    *result = false;
  } else if (name == "odd" || name == "even") {
    const Value rest = Arithmetic(machine, "%", v, int64_t{2});
    *result = IsEqual(machine, rest, int64_t{name == "odd" ? 1 : 0});
  } else if (name == "upper" || name == "lower") {
    const std::string text = ToText(machine, v).bytes;
    const bool is_upper = name == "upper";
    *result = (is_upper ? ToUpper(text) : ToLower(text)) == text &&
              (is_upper ? ToLower(text) : ToUpper(text)) != text;
  } else {
    return false;
  }
  return true;
}

bool CallBinaryTest(Machine* machine, const std::string& name, const Value& a,
                    const Value& b, bool* result) {
  if (name == "equalto" || name == "eq" || name == "==") {
    *result = IsEqual(machine, a, b);
  } else if (name == "ne" || name == "!=") {
    *result = !IsEqual(machine, a, b);
  } else if (name == "lt" || name == "lessthan" || name == "<") {
    *result = Order(machine, a, b) < 0;
  } else if (name == "le" || name == "<=") {
    *result = Order(machine, a, b) <= 0;
  } else if (name == "gt" || name == "greaterthan" || name == ">") {
    *result = Order(machine, a, b) > 0;
  } else if (name == "ge" || name == ">=") {
    *result = Order(machine, a, b) >= 0;
  } else if (name == "in") {
    *result = Contains(machine, b, a);
  } else if (name == "sameas") {  // the same object, or equal constants
    *result = a.index() == b.index() &&
              (Is<List*>(a)   ? std::get<List*>(a) == std::get<List*>(b)
               : Is<Dict*>(a) ? std::get<Dict*>(a) == std::get<Dict*>(b)
                              : IsEqual(machine, a, b));
  } else if (name == "divisibleby") {
    *result = IsEqual(machine, Arithmetic(machine, "%", a, b), int64_t{0});
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool CallTest(Machine* machine, const std::string& name, const Value& input,
              const Arguments& arguments) {
  machine->Charge();
  if (machine->failed()) return false;
  bool result = false;
  if (!arguments.named.empty()) {
    machine->Fail(absl::StrCat("the test \"", name, "\" takes no names"));
  } else if (arguments.positional.empty()) {
    if (!CallUnaryTest(machine, name, input, &result)) {
      machine->Fail(
          absl::StrCat("there is no test \"", name, "\" without argument"));
    }
  } else if (arguments.positional.size() > 1 ||
             !CallBinaryTest(machine, name, input, arguments.positional[0],
                             &result)) {
    machine->Fail(absl::StrCat("there is no test \"", name, "\" with ",
                               arguments.positional.size(), " argument(s)"));
  }
  return result;
}

}  // namespace r1::jinja
