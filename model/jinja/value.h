// Values of a template at work. Containers belong to the Machine that made
// them and live as long as it.
#ifndef R1_MODEL_JINJA_VALUE_H_
#define R1_MODEL_JINJA_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/jinja/text.h"

namespace r1::jinja {

struct Undefined {};
struct None {};
struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Macro;
struct Method;
// A function of the environment ("range") by name.
struct Function {
  const char* name;
};

using Value = std::variant<Undefined, None, bool, int64_t, double,
                           std::shared_ptr<const Text>, List*, Dict*,
                           Namespace*, Loop*, const Macro*, Method*, Function>;
using TextPtr = std::shared_ptr<const Text>;

struct List {
  std::vector<Value> items;
  bool is_tuple = false;
};

// In the order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> items;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> items;
};

// The variable `loop` of one round.
struct Loop {
  const std::vector<Value>* items;
  size_t index;
};

struct Scope {
  Scope* outer;
  std::vector<std::pair<std::string, Value>> names;
};

struct Node;
struct Macro {
  const Node* node;
  Scope* scope;  // where it was defined
};

// A text's or container's method, not called yet.
struct Method {
  Value self;
  std::string name;
};

template <typename T>
bool Is(const Value& value) {
  return std::holds_alternative<T>(value);
}
inline bool IsText(const Value& value) { return Is<TextPtr>(value); }
inline const Text& TextOf(const Value& value) {
  return *std::get<TextPtr>(value);
}
// True for a text that reads `text`.
inline bool IsTextOf(const Value& value, absl::string_view text) {
  return IsText(value) && TextOf(value).bytes == text;
}

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_VALUE_H_
