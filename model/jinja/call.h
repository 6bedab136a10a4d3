// Arguments of functions, methods, filters and tests.
#ifndef R1_MODEL_JINJA_CALL_H_
#define R1_MODEL_JINJA_CALL_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/jinja/machine.h"
#include "model/jinja/value.h"

namespace r1::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// The arguments in the order of `names`, Undefined where none was given. Fails
// if there are too many, an unknown one, or fewer than `required`.
std::vector<Value> Bind(Machine* machine, absl::string_view callee,
                        const Arguments& arguments,
                        std::initializer_list<const char*> names,
                        size_t required = 0);

// The integer of an argument, `otherwise` if none was given; fails for other
// types.
int64_t IntArgument(Machine* machine, const Value& value, int64_t otherwise);
// The text of an argument that must be one.
const Text& TextArgument(Machine* machine, const Value& value);

// `input | name(arguments)` and `input is name(arguments)`. They fail for a
// name that there is not.
Value CallFilter(Machine* machine, const std::string& name, const Value& input,
                 const Arguments& arguments);
bool CallTest(Machine* machine, const std::string& name, const Value& input,
              const Arguments& arguments);
// Filters of lists; false if `name` is none of them.
bool CallListFilter(Machine* machine, const std::string& name,
                    const Value& input, const Arguments& arguments,
                    Value* result);

// Functions of the environment: range, dict, namespace, raise_exception,
// strftime_now.
bool HasFunction(absl::string_view name, Value* function);
Value CallFunction(Machine* machine, absl::string_view name,
                   const Arguments& arguments);

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_CALL_H_
