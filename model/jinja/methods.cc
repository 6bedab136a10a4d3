#include "model/jinja/methods.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/jinja/operators.h"
#include "model/jinja/print.h"
#include "model/unicode.h"

namespace r1::jinja {
namespace {

constexpr absl::string_view kTextMethods[] = {
    "split",   "rsplit",     "splitlines", "strip",        "lstrip",
    "rstrip",  "startswith", "endswith",   "replace",      "find",
    "rfind",   "index",      "count",      "upper",        "lower",
    "title",   "capitalize", "join",       "removeprefix", "removesuffix",
    "isdigit", "isalpha",    "isalnum",    "isspace",      "islower",
    "isupper", "partition",  "rpartition", "format"};
constexpr absl::string_view kListMethods[] = {"index", "count"};
constexpr absl::string_view kDictMethods[] = {"items", "get", "keys", "values"};
// They exist in Python: named, so that the message says why they fail.
constexpr absl::string_view kChanging[] = {
    "append", "extend",  "insert", "remove",  "pop",       "clear",
    "sort",   "reverse", "update", "popitem", "setdefault"};

template <size_t n>
bool Has(const absl::string_view (&names)[n], absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Value Texts(Machine* machine, std::vector<Text> parts) {
  std::vector<Value> items;
  for (Text& part : parts) {
    items.push_back(machine->NewText(std::move(part)));
  }
  return machine->NewList(std::move(items));
}

Value Split(Machine* machine, const Text& self, absl::string_view name,
            const Arguments& arguments) {
  const auto bound = Bind(machine, name, arguments, {"sep", "maxsplit"});
  const int64_t limit = IntArgument(machine, bound[1], -1);
  const bool from_right = name == "rsplit";
  if (Is<Undefined>(bound[0]) || Is<None>(bound[0])) {
    return Texts(machine, SplitAtSpace(self, limit, from_right));
  }
  const std::string& separator = TextArgument(machine, bound[0]).bytes;
  if (machine->failed()) return Undefined();
  if (separator.empty()) return machine->Fail("split: the separator is empty");
  return Texts(machine, SplitAt(self, separator, limit, from_right));
}

Value Partition(Machine* machine, const Text& self, absl::string_view name,
                const Arguments& arguments) {
  const auto bound = Bind(machine, name, arguments, {"sep"}, 1);
  const Text& separator = TextArgument(machine, bound[0]);
  if (machine->failed()) return Undefined();
  if (separator.bytes.empty()) {
    return machine->Fail("partition: the separator is empty");
  }
  const bool from_right = name == "rpartition";
  const size_t at = from_right ? self.bytes.rfind(separator.bytes)
                               : self.bytes.find(separator.bytes);
  std::vector<Value> parts;
  if (at == std::string::npos) {
    parts.assign(3, machine->NewText(""));
    parts[from_right ? 2 : 0] = machine->NewText(self);
  } else {
    parts = {machine->NewText(self.Sub(0, at)), machine->NewText(separator),
             machine->NewText(self.Sub(at + separator.bytes.size()))};
  }
  return machine->NewList(std::move(parts), /*is_tuple=*/true);
}

Value StripEnds(Machine* machine, const Text& self, absl::string_view name,
                const Arguments& arguments) {
  const Ends ends = name == "lstrip"   ? Ends::kLeft
                    : name == "rstrip" ? Ends::kRight
                                       : Ends::kBoth;
  const auto bound = Bind(machine, name, arguments, {"chars"});
  if (Is<Undefined>(bound[0]) || Is<None>(bound[0])) {
    return machine->NewText(Strip(self, ends));
  }
  const absl::string_view characters = TextArgument(machine, bound[0]).bytes;
  return machine->NewText(Strip(self, ends, &characters));
}

Value HasEnd(Machine* machine, const Text& self, absl::string_view name,
             const Arguments& arguments) {
  const auto bound = Bind(machine, name, arguments, {"affix"}, 1);
  std::vector<Value> affixes = {bound[0]};
  if (Is<List*>(bound[0]) && std::get<List*>(bound[0])->is_tuple) {
    affixes = std::get<List*>(bound[0])->items;
  }
  for (const Value& affix : affixes) {
    const std::string& text = TextArgument(machine, affix).bytes;
    if (machine->failed()) return Undefined();
    if (name == "startswith" ? absl::StartsWith(self.bytes, text)
                             : absl::EndsWith(self.bytes, text)) {
      return true;
    }
  }
  return false;
}

Value Find(Machine* machine, const Text& self, absl::string_view name,
           const Arguments& arguments) {
  const auto bound = Bind(machine, name, arguments, {"sub"}, 1);
  const std::string& text = TextArgument(machine, bound[0]).bytes;
  if (machine->failed()) return Undefined();
  const size_t at =
      name == "rfind" ? self.bytes.rfind(text) : self.bytes.find(text);
  if (at != std::string::npos) {
    return static_cast<int64_t>(
        CountCharacters(absl::string_view(self.bytes).substr(0, at)));
  }
  if (name == "index") return machine->Fail("index: there is no such text");
  return int64_t{-1};
}

Value Count(Machine* machine, const Text& self, const Arguments& arguments) {
  const auto bound = Bind(machine, "count", arguments, {"sub"}, 1);
  const std::string& text = TextArgument(machine, bound[0]).bytes;
  if (machine->failed()) return Undefined();
  if (text.empty()) {
    return static_cast<int64_t>(CountCharacters(self.bytes) + 1);
  }
  return static_cast<int64_t>(SplitAt(self, text, -1, false).size()) - 1;
}

Value Join(Machine* machine, const Text& self, const Arguments& arguments) {
  const auto bound = Bind(machine, "join", arguments, {"items"}, 1);
  Text joined;
  bool is_first = true;
  for (const Value& item : ItemsOf(machine, bound[0])) {
    if (!is_first) joined.Append(self);
    is_first = false;
    joined.Append(TextArgument(machine, item));
    if (machine->failed() || joined.bytes.size() > kMaxOutputBytes) break;
  }
  return machine->NewText(std::move(joined));
}

// Fields are {}, {0} or {name}, of arguments or by name; no conversions and no
// widths. {{ and }} are braces.
Value Format(Machine* machine, const Text& self, const Arguments& arguments) {
  const std::string& bytes = self.bytes;
  Text result;
  size_t next = 0, begin = 0;  // of the arguments; of the text in between
  for (size_t at = bytes.find_first_of("{}"); at != std::string::npos;
       at = bytes.find_first_of("{}", begin)) {
    result.Append(self.Sub(begin, at - begin));
    const bool is_escaped = bytes.substr(at + 1, 1) == bytes.substr(at, 1);
    const size_t end = is_escaped ? at + 1 : bytes.find('}', at);
    if (end == std::string::npos || (!is_escaped && bytes[at] == '}')) {
      return machine->Fail("format: a brace without its other");
    }
    begin = end + 1;
    if (is_escaped) {
      result.Append(self.Sub(at, 1));
      continue;
    }
    const std::string field = bytes.substr(at + 1, end - at - 1);
    const Value* value = nullptr;
    size_t index = next;
    if (field.empty() || absl::SimpleAtoi(field, &index)) {
      next += field.empty();
      if (index < arguments.positional.size()) {
        value = &arguments.positional[index];
      }
    }
    for (const auto& [name, named] : arguments.named) {
      if (name == field) value = &named;
    }
    if (value == nullptr) {
      return machine->Fail(
          absl::StrCat("format: there is no value for {", field, "}"));
    }
    result.Append(ToText(machine, *value));
    if (machine->failed() || result.bytes.size() > kMaxOutputBytes) break;
  }
  result.Append(self.Sub(begin));
  return machine->NewText(std::move(result));
}

// isdigit() and its like, by the letters of ASCII and the case of all.
Value IsOfKind(Machine* machine, const Text& self, absl::string_view name,
               const Arguments& arguments) {
  Bind(machine, name, arguments, {});
  const absl::string_view text = self.bytes;
  if (name == "islower") return ToLower(text) == text && ToUpper(text) != text;
  if (name == "isupper") return ToUpper(text) == text && ToLower(text) != text;
  if (text.empty()) return false;
  for (absl::string_view c : Characters(text)) {
    const bool is_letter = ToLower(c) != ToUpper(c);
    const bool is_digit = c.size() == 1 && absl::ascii_isdigit(c[0]);
    const bool is_kind = name == "isspace"   ? IsSpace(c)
                         : name == "isdigit" ? is_digit
                         : name == "isalpha" ? is_letter
                                             : is_letter || is_digit;
    if (!is_kind) return false;
  }
  return true;
}

Value CallTextMethod(Machine* machine, const Text& self,
                     const std::string& name, const Arguments& arguments) {
  machine->Charge(self.bytes.size());
  if (name == "split" || name == "rsplit") {
    return Split(machine, self, name, arguments);
  }
  if (absl::EndsWith(name, "strip")) {
    return StripEnds(machine, self, name, arguments);
  }
  if (name == "startswith" || name == "endswith") {
    return HasEnd(machine, self, name, arguments);
  }
  if (absl::EndsWith(name, "find") || name == "index") {
    return Find(machine, self, name, arguments);
  }
  if (absl::EndsWith(name, "partition")) {
    return Partition(machine, self, name, arguments);
  }
  if (name == "count") return Count(machine, self, arguments);
  if (name == "join") return Join(machine, self, arguments);
  if (name == "format") return Format(machine, self, arguments);
  if (name == "replace") {
    const auto bound =
        Bind(machine, name, arguments, {"old", "new", "count"}, 2);
    const Text& from = TextArgument(machine, bound[0]);
    const Text& to = TextArgument(machine, bound[1]);
    const int64_t limit = IntArgument(machine, bound[2], -1);
    if (machine->failed()) return Undefined();
    return ReplaceAll(machine, self, from.bytes, to, limit);
  }
  if (name == "removeprefix" || name == "removesuffix") {
    const auto bound = Bind(machine, name, arguments, {"affix"}, 1);
    const std::string& affix = TextArgument(machine, bound[0]).bytes;
    const bool is_prefix = name == "removeprefix";
    const bool has = is_prefix ? absl::StartsWith(self.bytes, affix)
                               : absl::EndsWith(self.bytes, affix);
    if (!has) return machine->NewText(self);
    return machine->NewText(self.Sub(is_prefix ? affix.size() : 0,
                                     self.bytes.size() - affix.size()));
  }
  if (absl::StartsWith(name, "is")) {
    return IsOfKind(machine, self, name, arguments);
  }
  Bind(machine, name, arguments, {});
  if (name == "splitlines") return Texts(machine, SplitLines(self));
  return machine->NewText(ChangeCase(self, name == "upper"   ? Case::kUpper
                                           : name == "lower" ? Case::kLower
                                           : name == "title"
                                               ? Case::kTitle
                                               : Case::kCapitalize));
}

Value CallDictMethod(Machine* machine, const Dict& self,
                     const std::string& name, const Arguments& arguments) {
  if (name == "get") {
    const auto bound = Bind(machine, name, arguments, {"key", "default"}, 1);
    const Value* found = FindKey(machine, self, bound[0]);
    if (found != nullptr) return *found;
    return Is<Undefined>(bound[1]) ? Value(None()) : bound[1];
  }
  Bind(machine, name, arguments, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.items) {
    items.push_back(name == "keys"     ? key
                    : name == "values" ? value
                                       : machine->NewList({key, value}, true));
  }
  return machine->NewList(std::move(items));
}

Value CallListMethod(Machine* machine, const List& self,
                     const std::string& name, const Arguments& arguments) {
  const auto bound = Bind(machine, name, arguments, {"value"}, 1);
  int64_t count = 0;
  for (size_t i = 0; i < self.items.size(); ++i) {
    if (!IsEqual(machine, self.items[i], bound[0])) continue;
    if (name == "index") return static_cast<int64_t>(i);
    ++count;
  }
  if (name == "index") return machine->Fail("index: there is no such item");
  return count;
}

}  // namespace

bool HasMethod(const Value& value, absl::string_view name) {
  if (IsText(value)) return Has(kTextMethods, name);
  if (Is<List*>(value)) return Has(kListMethods, name) || Has(kChanging, name);
  if (Is<Dict*>(value)) return Has(kDictMethods, name) || Has(kChanging, name);
  return false;
}

Value NewMethod(Machine* machine, const Value& self, absl::string_view name) {
  Method* method = machine->NewMethod();
  method->self = self;
  method->name = std::string(name);
  return method;
}

Value CallMethod(Machine* machine, const Method& method,
                 const Arguments& arguments) {
  const Value& self = method.self;
  const std::string& name = method.name;
  if (Is<Loop*>(self)) {  // cycle
    if (arguments.positional.empty()) {
      return machine->Fail("loop.cycle needs an argument");
    }
    return arguments
        .positional[std::get<Loop*>(self)->index % arguments.positional.size()];
  }
  if (IsText(self)) {
    return CallTextMethod(machine, TextOf(self), name, arguments);
  }
  if (Has(kChanging, name)) {
    return machine->Fail(absl::StrCat(name, "() would change a ",
                                      TypeName(self),
                                      ", which templates may not do"));
  }
  if (Is<Dict*>(self)) {
    return CallDictMethod(machine, *std::get<Dict*>(self), name, arguments);
  }
  return CallListMethod(machine, *std::get<List*>(self), name, arguments);
}

Value ReplaceAll(Machine* machine, const Text& text, absl::string_view from,
                 const Text& to, int64_t limit) {
  // The size before the work: many long replacements must not fill the memory.
  size_t count = from.empty() ? CountCharacters(text.bytes) + 1 : 0;
  for (size_t at = 0; !from.empty();) {
    at = text.bytes.find(from.data(), at, from.size());
    if (at == std::string::npos) break;
    ++count;
    at += from.size();
  }
  if (limit >= 0) count = std::min<size_t>(count, limit);
  if (count * static_cast<double>(to.bytes.size()) > 2 * kMaxOutputBytes) {
    return machine->Fail(
        absl::StrCat("a text grows beyond ", kMaxOutputBytes, " bytes"));
  }
  return machine->NewText(Replace(text, from, to, limit));
}

}  // namespace r1::jinja
