// Filters of one value: texts and numbers.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/math.h"
#include "model/jinja/call.h"
#include "model/jinja/methods.h"
#include "model/jinja/operators.h"
#include "model/jinja/print.h"

namespace r1::jinja {
namespace {

bool IsGiven(const Value& value) {
  return !Is<Undefined>(value) && !Is<None>(value);
}

Value Default(Machine* machine, const Value& input,
              const Arguments& arguments) {
  const auto bound =
      Bind(machine, "default", arguments, {"default_value", "boolean"});
  if (!Is<Undefined>(input) && (!IsTrue(bound[1]) || IsTrue(input))) {
    return input;
  }
  return arguments.positional.empty() && arguments.named.empty()
             ? machine->NewText("")
             : bound[0];
}

Value Json(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound =
      Bind(machine, "tojson", arguments,
           {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.is_ascii = IsTrue(bound[0]);
  style.sorts_keys = IsTrue(bound[3]);
  if (IsGiven(bound[1])) {
    style.has_indent = true;
    style.item_separator = Text::Own(",");
    constexpr int64_t kMaxIndent = 64;
    style.indent =
        IsText(bound[1])
            ? TextOf(bound[1]).bytes
            : std::string(std::clamp<int64_t>(IntArgument(machine, bound[1], 0),
                                              0, kMaxIndent),
                          ' ');
  }
  if (IsGiven(bound[2])) {
    const std::vector<Value> both = ItemsOf(machine, bound[2]);
    if (both.size() != 2) return machine->Fail("tojson: two separators needed");
    style.item_separator = TextArgument(machine, both[0]);
    style.key_separator = TextArgument(machine, both[1]);
  }
  return machine->NewText(ToJson(machine, input, style));
}

Value Indent(Machine* machine, const Text& input, const Arguments& arguments) {
  const auto bound =
      Bind(machine, "indent", arguments, {"width", "first", "blank"});
  Text indent;
  if (IsText(bound[0])) {
    indent = TextOf(bound[0]);
  } else {
    const int64_t width = IntArgument(machine, bound[0], 4);
    if (width > 1000) return machine->Fail("indent: too wide");
    indent = Text::Own(std::string(std::max<int64_t>(width, 0), ' '));
  }
  Text with_end = input;
  with_end.Append(Text::Own("\n"));
  Text result;
  bool is_first = true;
  for (const Text& line : SplitLines(with_end)) {
    if (!is_first) result.Append(Text::Own("\n"));
    const bool is_indented =
        is_first ? IsTrue(bound[1]) : IsTrue(bound[2]) || !line.bytes.empty();
    if (is_indented) result.Append(indent);
    result.Append(line);
    is_first = false;
    if (result.bytes.size() > kMaxOutputBytes) break;
  }
  return machine->NewText(std::move(result));
}

// Words begin after blanks, hyphens and opening brackets.
Value Title(Machine* machine, const Text& input) {
  Text result;
  size_t at = 0;
  bool begins = true;
  for (absl::string_view c : Characters(input.bytes)) {
    const Text one = input.Sub(at, c.size());
    result.Append(ChangeCase(one, begins ? Case::kUpper : Case::kLower));
    begins = IsSpace(c) || (c.size() == 1 && absl::StrContains("-({[<", c));
    at += c.size();
  }
  return machine->NewText(std::move(result));
}

Value ToInt(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound = Bind(machine, "int", arguments, {"default", "base"});
  const Value otherwise =
      Is<Undefined>(bound[0]) ? Value(int64_t{0}) : bound[0];
  if (Is<Undefined>(input)) return machine->Fail("int of an undefined value");
  if (IntArgument(machine, bound[1], 10) != 10) {
    return machine->Fail("int: only base 10 is supported");
  }
  double number = 0;
  if (IsText(input)) {
    std::string digits = Strip(TextOf(input), Ends::kBoth).bytes;
    int64_t value = 0;
    if (absl::SimpleAtoi(digits, &value)) return value;
    if (!absl::SimpleAtod(digits, &number)) return otherwise;
  } else if (Is<double>(input)) {
    number = std::get<double>(input);
  } else {
    const auto value = AsInt(input);
    return value ? Value(*value) : otherwise;
  }
  if (std::isnan(number) || std::isinf(number)) return otherwise;
  if (std::abs(number) >= 9.2e18) {
    return machine->Fail("an integer grows beyond 64 bits");
  }
  return static_cast<int64_t>(number);
}

Value ToFloat(Machine* machine, const Value& input,
              const Arguments& arguments) {
  const auto bound = Bind(machine, "float", arguments, {"default"});
  const Value otherwise = Is<Undefined>(bound[0]) ? Value(0.0) : bound[0];
  if (Is<Undefined>(input)) return machine->Fail("float of an undefined value");
  if (IsText(input)) {
    double number = 0;
    return absl::SimpleAtod(Strip(TextOf(input), Ends::kBoth).bytes, &number)
               ? Value(number)
               : otherwise;
  }
  const auto number = AsFloat(input);
  return number ? Value(*number) : otherwise;
}

// round() of Python: to the nearest decimal, halves to even; of an integer an
// integer.
Value Round(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound = Bind(machine, "round", arguments, {"precision", "method"});
  const int64_t precision = IntArgument(machine, bound[0], 0);
  const std::string method = Is<Undefined>(bound[1])
                                 ? "common"
                                 : TextArgument(machine, bound[1]).bytes;
  const auto number = AsFloat(input);
  if (machine->failed()) return Undefined();
  if (!number || precision < 0 || precision > 15) {
    return machine->Fail("round: expected a number and 0 to 15 decimals");
  }
  if (method == "common") {
    if (AsInt(input)) return *AsInt(input);
    // The digits of the nearest decimal, which printf rounds correctly.
    double rounded = 0;
    const std::string digits =
        absl::StrFormat("%.*f", static_cast<int>(precision), *number);
    std::from_chars(digits.data(), digits.data() + digits.size(), rounded);
    return rounded;
  }
  const double scale = Pow(10, precision);
  if (method == "ceil") return std::ceil(*number * scale) / scale;
  if (method == "floor") return std::floor(*number * scale) / scale;
  return machine->Fail("round: method must be common, ceil or floor");
}

Value Abs(Machine* machine, const Value& input) {
  if (AsInt(input) && *AsInt(input) != INT64_MIN) {
    return std::abs(*AsInt(input));
  }
  const auto number = AsFloat(input);
  if (!number) return machine->Fail("abs: expected a number");
  return std::abs(*number);
}

Value Escape(Machine* machine, const Text& input) {
  Text result;
  size_t at = 0;
  for (absl::string_view c : Characters(input.bytes)) {
    const absl::string_view escaped = c == "&"    ? "&amp;"
                                      : c == "<"  ? "&lt;"
                                      : c == ">"  ? "&gt;"
                                      : c == "'"  ? "&#39;"
                                      : c == "\"" ? "&#34;"
                                                  : c;
    result.AppendFor(escaped, input.Sub(at, c.size()));
    at += c.size();
  }
  return machine->NewText(std::move(result));
}

// Filters of a text; other values are printed to one first.
bool CallTextFilter(Machine* machine, const std::string& name,
                    const Value& input, const Arguments& arguments,
                    Value* result) {
  const auto text = [&] { return ToText(machine, input); };
  if (name == "trim") {
    const auto bound = Bind(machine, name, arguments, {"chars"});
    const bool has = IsGiven(bound[0]);
    const absl::string_view characters =
        has ? absl::string_view(TextArgument(machine, bound[0]).bytes) : "";
    *result = machine->NewText(
        Strip(text(), Ends::kBoth, has ? &characters : nullptr));
  } else if (name == "replace") {
    const auto bound =
        Bind(machine, name, arguments, {"old", "new", "count"}, 2);
    *result = ReplaceAll(
        machine, text(), ToText(machine, bound[0]).bytes,
        ToText(machine, bound[1]),
        Is<None>(bound[2]) ? -1 : IntArgument(machine, bound[2], -1));
  } else if (name == "indent") {
    *result = Indent(machine, text(), arguments);
  } else if (name == "upper" || name == "lower" || name == "capitalize" ||
             name == "title" || name == "escape" || name == "e" ||
             name == "string" || name == "safe") {
    Bind(machine, name, arguments, {});
    *result = name == "title"                   ? Title(machine, text())
              : name == "escape" || name == "e" ? Escape(machine, text())
              : name == "string" || name == "safe"
                  ? machine->NewText(text())
                  : machine->NewText(ChangeCase(
                        text(), name == "upper"   ? Case::kUpper
                                : name == "lower" ? Case::kLower
                                                  : Case::kCapitalize));
  } else {
    return false;
  }
  return true;
}

}  // namespace

Value CallFilter(Machine* machine, const std::string& name, const Value& input,
                 const Arguments& arguments) {
  machine->Charge();
  if (machine->failed()) return Undefined();
  Value result;
  if (CallTextFilter(machine, name, input, arguments, &result)) return result;
  if (CallListFilter(machine, name, input, arguments, &result)) return result;
  if (name == "default" || name == "d") {
    return Default(machine, input, arguments);
  }
  if (name == "tojson") return Json(machine, input, arguments);
  if (name == "int") return ToInt(machine, input, arguments);
  if (name == "float") return ToFloat(machine, input, arguments);
  if (name == "round") return Round(machine, input, arguments);
  if (name == "abs") return Abs(machine, input);
  return machine->Fail(absl::StrCat("there is no filter \"", name, "\""));
}

}  // namespace r1::jinja
