#include "model/jinja/call.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "model/jinja/operators.h"
#include "model/jinja/print.h"

namespace r1::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // as jinja2's sandbox

constexpr const char* kFunctions[] = {"range", "dict", "namespace",
                                      "raise_exception", "strftime_now"};

Value Range(Machine* machine, const Arguments& arguments) {
  const auto bound =
      Bind(machine, "range", arguments, {"start", "stop", "step"}, 1);
  const bool has_stop = !Is<Undefined>(bound[1]);
  const int64_t start = has_stop ? IntArgument(machine, bound[0], 0) : 0;
  const int64_t stop = IntArgument(machine, bound[has_stop ? 1 : 0], 0);
  const int64_t step = IntArgument(machine, bound[2], 1);
  if (machine->failed()) return Undefined();
  if (step == 0) return machine->Fail("range: the step must not be 0");
  std::vector<Value> items;
  for (__int128 i = start; step > 0 ? i < stop : i > stop; i += step) {
    if (static_cast<int64_t>(items.size()) >= kMaxRange) {
      return machine->Fail(
          absl::StrCat("range: has more than ", kMaxRange, " items"));
    }
    items.push_back(static_cast<int64_t>(i));
  }
  return machine->NewList(std::move(items));
}

Value MakeDict(Machine* machine, const Arguments& arguments) {
  Dict* dict = machine->NewDict();
  if (arguments.positional.size() > 1) {
    return machine->Fail("dict: takes at most one positional argument");
  }
  for (const Value& source : arguments.positional) {
    if (Is<Dict*>(source)) {
      dict->items = std::get<Dict*>(source)->items;
      continue;
    }
    for (const Value& pair : ItemsOf(machine, source)) {
      const std::vector<Value> both = ItemsOf(machine, pair);
      if (both.size() != 2) return machine->Fail("dict: expected pairs");
      SetKey(machine, dict, both[0], both[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    SetKey(machine, dict, machine->NewText(name), value);
  }
  return dict;
}

Value MakeNamespace(Machine* machine, const Arguments& arguments) {
  const Value made = MakeDict(machine, arguments);
  if (machine->failed()) return Undefined();
  Namespace* result = machine->NewNamespace();
  for (const auto& [key, value] : std::get<Dict*>(made)->items) {
    const std::string& name = TextArgument(machine, key).bytes;
    if (name.empty() || name[0] == '_') {
      return machine->Fail(
          absl::StrCat("namespace: \"", name, "\" is not a name it can have"));
    }
    result->items.emplace_back(name, value);
  }
  return result;
}

// A prompt must be the same tomorrow: the day that Llama's templates name where
// they are told none.
Value TimeText(Machine* machine, const Arguments& arguments) {
  const auto bound = Bind(machine, "strftime_now", arguments, {"format"}, 1);
  const std::string& format = TextArgument(machine, bound[0]).bytes;
  if (machine->failed()) return Undefined();
  const absl::Time time =
      absl::FromCivil(absl::CivilDay(2024, 7, 26), absl::UTCTimeZone());
  return machine->NewText(absl::FormatTime(format, time, absl::UTCTimeZone()));
}

}  // namespace

std::vector<Value> Bind(Machine* machine, absl::string_view callee,
                        const Arguments& arguments,
                        std::initializer_list<const char*> names,
                        size_t required) {
  std::vector<Value> bound(names.size());
  std::vector<bool> is_given(names.size());
  if (arguments.positional.size() > names.size()) {
    machine->Fail(absl::StrCat(callee, ": takes at most ", names.size(),
                               " arguments, got ",
                               arguments.positional.size()));
    return bound;
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    bound[i] = arguments.positional[i];
    is_given[i] = true;
  }
  for (const auto& [name, value] : arguments.named) {
    const size_t at =
        std::find(names.begin(), names.end(), name) - names.begin();
    if (at == names.size() || is_given[at]) {
      machine->Fail(absl::StrCat(
          callee, at == names.size() ? ": has no argument \"" : ": \"", name,
          at == names.size() ? "\"" : "\" is given twice"));
      return bound;
    }
    bound[at] = value;
    is_given[at] = true;
  }
  for (size_t i = 0; i < required; ++i) {
    if (is_given[i]) continue;
    machine->Fail(absl::StrCat(callee, ": needs the argument \"",
                               names.begin()[i], "\""));
    break;
  }
  return bound;
}

int64_t IntArgument(Machine* machine, const Value& value, int64_t otherwise) {
  if (Is<Undefined>(value)) return otherwise;
  const std::optional<int64_t> integer = AsInt(value);
  if (!integer) {
    machine->Fail(absl::StrCat("expected an integer, got a value of type ",
                               TypeName(value)));
  }
  return integer.value_or(otherwise);
}

const Text& TextArgument(Machine* machine, const Value& value) {
  static const auto* none = new Text();
  if (IsText(value)) return TextOf(value);
  machine->Fail(
      absl::StrCat("expected a text, got a value of type ", TypeName(value)));
  return *none;
}

bool HasFunction(absl::string_view name, Value* function) {
  for (const char* known : kFunctions) {
    if (name != known) continue;
    *function = Function{known};
    return true;
  }
  return false;
}

Value CallFunction(Machine* machine, absl::string_view name,
                   const Arguments& arguments) {
  if (name == "range") return Range(machine, arguments);
  if (name == "dict") return MakeDict(machine, arguments);
  if (name == "namespace") return MakeNamespace(machine, arguments);
  if (name == "strftime_now") return TimeText(machine, arguments);
  const auto bound =
      Bind(machine, "raise_exception", arguments, {"message"}, 1);
  return machine->Fail(
      absl::StrCat("the template says: ", ToText(machine, bound[0]).bytes));
}

}  // namespace r1::jinja
