#include "model/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/math.h"
#include "model/jinja/methods.h"
#include "model/jinja/print.h"

namespace r1::jinja {
namespace {

bool IsNumber(const Value& value) {
  return Is<bool>(value) || Is<int64_t>(value) || Is<double>(value);
}

Value NoOperator(Machine* machine, absl::string_view op, const Value& a,
                 const Value& b) {
  return machine->Fail(absl::StrCat("no operator ", op, " for ", TypeName(a),
                                    " and ", TypeName(b)));
}

Value IntArithmetic(Machine* machine, absl::string_view op, int64_t a,
                    int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  if (op == "+") {
    overflows = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    overflows = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else if (op == "**") {
    result = 1;
    for (int64_t i = 0; i < b && !overflows; ++i) {
      machine->Charge();
      if (machine->failed()) return Undefined();
      overflows = __builtin_mul_overflow(result, a, &result);
    }
  } else {  // floor division and its remainder
    if (b == 0) return machine->Fail("division by zero");
    if (b == -1) return IntArithmetic(machine, "*", a, op == "//" ? -1 : 0);
    const int64_t quotient = a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
    result = op == "//" ? quotient : a - quotient * b;
  }
  if (overflows) return machine->Fail("an integer grows beyond 64 bits");
  return result;
}

Value FloatArithmetic(Machine* machine, absl::string_view op, double a,
                      double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**" && a < 0) {
    if (b != std::floor(b)) return machine->Fail("a power is not real");
    return std::fmod(b, 2) == 0 ? Pow(-a, b) : -Pow(-a, b);
  }
  if (op == "**") return Pow(a, b);
  if (b == 0) return machine->Fail("division by zero");
  if (op == "/") return a / b;
  if (op == "//") return std::floor(a / b);
  const double remainder = std::fmod(a, b);
  return remainder != 0 && ((remainder < 0) != (b < 0)) ? remainder + b
                                                        : remainder;
}

Value Repeat(Machine* machine, const Value& value, int64_t count) {
  count = std::max<int64_t>(count, 0);
  if (IsText(value)) {
    const Text& text = TextOf(value);
    if (text.bytes.size() * static_cast<double>(count) > kMaxOutputBytes) {
      return machine->Fail(
          absl::StrCat("a text grows beyond ", kMaxOutputBytes, " bytes"));
    }
    Text result;
    for (int64_t i = 0; i < count && !text.bytes.empty(); ++i) {
      result.Append(text);
    }
    return machine->NewText(std::move(result));
  }
  const List& list = *std::get<List*>(value);
  if (list.items.size() * static_cast<double>(count) > kMaxSteps) {
    return machine->Fail("a list grows too long");
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) {
    items.insert(items.end(), list.items.begin(), list.items.end());
    if (list.items.empty()) break;
  }
  return machine->NewList(std::move(items), list.is_tuple);
}

template <typename T>
int OrderOf(const T& a, const T& b) {
  return a < b ? -1 : a == b ? 0 : 1;
}

// The index of a sequence of `size` that `key` means; nothing if it is outside.
std::optional<size_t> IndexOf(const Value& key, size_t size) {
  const std::optional<int64_t> index = AsInt(key);
  if (!index) return std::nullopt;
  const int64_t at = *index < 0 ? *index + static_cast<int64_t>(size) : *index;
  if (at < 0 || at >= static_cast<int64_t>(size)) return std::nullopt;
  return static_cast<size_t>(at);
}

Value LoopAttribute(Machine* machine, const Loop& loop, absl::string_view name,
                    const Value& self) {
  const int64_t index = static_cast<int64_t>(loop.index);
  const int64_t size = static_cast<int64_t>(loop.items->size());
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return size - index;
  if (name == "revindex0") return size - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == size;
  if (name == "length") return size;
  // They count rounds of recursive loops.
  if (name == "depth") return int64_t{1};
  if (name == "depth0") return int64_t{0};
  if (name == "previtem" && index > 0) return (*loop.items)[index - 1];
  if (name == "nextitem" && index + 1 < size) return (*loop.items)[index + 1];
  if (name == "cycle") return NewMethod(machine, self, name);
  return Undefined();
}

}  // namespace

bool IsTrue(const Value& value) {
  if (Is<bool>(value)) return std::get<bool>(value);
  if (Is<int64_t>(value)) return std::get<int64_t>(value) != 0;
  if (Is<double>(value)) return std::get<double>(value) != 0;
  if (IsText(value)) return !TextOf(value).bytes.empty();
  if (Is<List*>(value)) return !std::get<List*>(value)->items.empty();
  if (Is<Dict*>(value)) return !std::get<Dict*>(value)->items.empty();
  return !Is<Undefined>(value) && !Is<None>(value);
}

std::optional<double> AsFloat(const Value& value) {
  if (Is<double>(value)) return std::get<double>(value);
  const std::optional<int64_t> integer = AsInt(value);
  if (integer) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<int64_t> AsInt(const Value& value) {
  if (Is<bool>(value)) return std::get<bool>(value) ? 1 : 0;
  if (Is<int64_t>(value)) return std::get<int64_t>(value);
  return std::nullopt;
}

bool IsEqual(Machine* machine, const Value& a, const Value& b, int depth) {
  machine->Charge();
  if (depth > kMaxDepth) machine->Fail("values are nested too deeply");
  if (machine->failed()) return false;
  if (IsNumber(a) && IsNumber(b)) {
    const auto x = AsInt(a), y = AsInt(b);
    return x && y ? *x == *y : *AsFloat(a) == *AsFloat(b);
  }
  if (a.index() != b.index()) return false;
  if (IsText(a)) return TextOf(a).bytes == TextOf(b).bytes;
  if (Is<List*>(a)) {
    const List& x = *std::get<List*>(a);
    const List& y = *std::get<List*>(b);
    return x.is_tuple == y.is_tuple &&
           std::equal(x.items.begin(), x.items.end(), y.items.begin(),
                      y.items.end(), [&](const Value& v, const Value& w) {
                        return IsEqual(machine, v, w, depth + 1);
                      });
  }
  if (Is<Dict*>(a)) {
    const Dict& x = *std::get<Dict*>(a);
    const Dict& y = *std::get<Dict*>(b);
    return x.items.size() == y.items.size() &&
           std::all_of(x.items.begin(), x.items.end(), [&](const auto& item) {
             const Value* other = FindKey(machine, y, item.first);
             return other != nullptr &&
                    IsEqual(machine, item.second, *other, depth + 1);
           });
  }
  if (Is<Undefined>(a) || Is<None>(a)) return true;
  if (Is<Namespace*>(a)) {
    return std::get<Namespace*>(a) == std::get<Namespace*>(b);
  }
  return false;
}

int Order(Machine* machine, const Value& a, const Value& b) {
  machine->Charge();
  if (IsNumber(a) && IsNumber(b)) {
    const auto x = AsInt(a), y = AsInt(b);
    return x && y ? OrderOf(*x, *y) : OrderOf(*AsFloat(a), *AsFloat(b));
  }
  if (IsText(a) && IsText(b)) {
    return OrderOf(TextOf(a).bytes, TextOf(b).bytes);
  }
  if (Is<List*>(a) && Is<List*>(b)) {
    const auto& x = std::get<List*>(a)->items;
    const auto& y = std::get<List*>(b)->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (IsEqual(machine, x[i], y[i])) continue;
      return Is<List*>(x[i]) ? machine->Fail("nested lists have no order"),
             0               : Order(machine, x[i], y[i]);
    }
    return OrderOf(x.size(), y.size());
  }
  NoOperator(machine, "<", a, b);
  return 0;
}

bool Contains(Machine* machine, const Value& container, const Value& item) {
  if (IsText(container)) {
    if (IsText(item)) {
      machine->Charge(TextOf(container).bytes.size());
      return TextOf(container).bytes.find(TextOf(item).bytes) !=
             std::string::npos;
    }
    NoOperator(machine, "in", item, container);
    return false;
  }
  if (Is<Dict*>(container)) {
    return FindKey(machine, *std::get<Dict*>(container), item) != nullptr;
  }
  const std::vector<Value> items = ItemsOf(machine, container);
  return std::any_of(items.begin(), items.end(), [&](const Value& other) {
    return IsEqual(machine, item, other);
  });
}

Value Arithmetic(Machine* machine, absl::string_view op, const Value& a,
                 const Value& b) {
  if (machine->failed()) return Undefined();
  if (IsNumber(a) && IsNumber(b)) {
    const auto x = AsInt(a), y = AsInt(b);
    if (x && y && op != "/" && !(op == "**" && *y < 0)) {
      return IntArithmetic(machine, op, *x, *y);
    }
    return FloatArithmetic(machine, op, *AsFloat(a), *AsFloat(b));
  }
  if (op == "+" && IsText(a) && IsText(b)) {
    Text text = TextOf(a);
    text.Append(TextOf(b));
    return machine->NewText(std::move(text));
  }
  if (op == "+" && Is<List*>(a) && Is<List*>(b)) {
    const List& left = *std::get<List*>(a);
    const List& right = *std::get<List*>(b);
    if (left.is_tuple == right.is_tuple) {
      std::vector<Value> items = left.items;
      items.insert(items.end(), right.items.begin(), right.items.end());
      return machine->NewList(std::move(items), left.is_tuple);
    }
  }
  if (op == "*") {
    const bool is_sequence = IsText(a) || Is<List*>(a);
    if (is_sequence && AsInt(b)) return Repeat(machine, a, *AsInt(b));
    if ((IsText(b) || Is<List*>(b)) && AsInt(a)) {
      return Repeat(machine, b, *AsInt(a));
    }
  }
  return NoOperator(machine, op, a, b);
}

std::vector<Value> ItemsOf(Machine* machine, const Value& value) {
  std::vector<Value> items;
  if (Is<List*>(value)) {
    items = std::get<List*>(value)->items;
  } else if (Is<Dict*>(value)) {
    for (const auto& item : std::get<Dict*>(value)->items) {
      items.push_back(item.first);
    }
  } else if (IsText(value)) {
    const Text& text = TextOf(value);
    size_t at = 0;
    for (absl::string_view c : Characters(text.bytes)) {
      items.push_back(machine->NewText(text.Sub(at, c.size())));
      at += c.size();
      if (machine->failed()) break;
    }
  } else if (!Is<Undefined>(value)) {
    machine->Fail(absl::StrCat("a value of type ", TypeName(value),
                               " cannot be looped over"));
  }
  machine->Charge(items.size() * sizeof(Value));
  return items;
}

int64_t LengthOf(Machine* machine, const Value& value) {
  if (IsText(value)) return CountCharacters(TextOf(value).bytes);
  if (Is<List*>(value)) return std::get<List*>(value)->items.size();
  if (Is<Dict*>(value)) return std::get<Dict*>(value)->items.size();
  if (!Is<Undefined>(value)) {
    machine->Fail(
        absl::StrCat("a value of type ", TypeName(value), " has no length"));
  }
  return 0;
}

Value GetAttribute(Machine* machine, const Value& value,
                   const std::string& name) {
  if (Is<Undefined>(value)) {
    return machine->Fail(
        absl::StrCat("an undefined value has no attribute \"", name, "\""));
  }
  if (Is<Loop*>(value)) {
    return LoopAttribute(machine, *std::get<Loop*>(value), name, value);
  }
  if (Is<Namespace*>(value)) {
    for (const auto& [key, item] : std::get<Namespace*>(value)->items) {
      if (key == name) return item;
    }
    return Undefined();
  }
  if (HasMethod(value, name)) return NewMethod(machine, value, name);
  if (Is<Dict*>(value)) {
    const Value* item = FindKey(machine, *std::get<Dict*>(value),
                                std::make_shared<const Text>(Text::Own(name)));
    if (item != nullptr) return *item;
  }
  return Undefined();
}

Value GetItem(Machine* machine, const Value& value, const Value& key) {
  if (Is<Undefined>(value)) {
    return machine->Fail("an undefined value has no items");
  }
  if (Is<Dict*>(value)) {
    const Value* item = FindKey(machine, *std::get<Dict*>(value), key);
    if (item != nullptr) return *item;
  } else if (Is<List*>(value)) {
    const auto& items = std::get<List*>(value)->items;
    const auto index = IndexOf(key, items.size());
    if (index) return items[*index];
  } else if (IsText(value) && AsInt(key)) {
    const Text& text = TextOf(value);
    machine->Charge(text.bytes.size());
    const auto characters = Characters(text.bytes);
    const auto index = IndexOf(key, characters.size());
    if (!index) return Undefined();
    return machine->NewText(
        text.Sub(characters[*index].data() - text.bytes.data(),
                 characters[*index].size()));
  }
  if (IsText(key)) {
    const std::string& name = TextOf(key).bytes;
    if (Is<Namespace*>(value) || Is<Loop*>(value) || HasMethod(value, name)) {
      return GetAttribute(machine, value, name);
    }
  }
  return Undefined();
}

Value GetSlice(Machine* machine, const Value& value, const Value& start,
               const Value& stop, const Value& step) {
  if (!IsText(value) && !Is<List*>(value)) {
    if (Is<Undefined>(value)) machine->Fail("an undefined value has no items");
    return Undefined();
  }
  for (const Value* bound : {&start, &stop, &step}) {
    if (!Is<None>(*bound) && !AsInt(*bound)) {
      return machine->Fail("the bounds of a slice must be integers");
    }
  }
  const int64_t by = Is<None>(step) ? 1 : *AsInt(step);
  if (by == 0) return machine->Fail("the step of a slice must not be 0");
  const std::vector<Value> items = ItemsOf(machine, value);
  const int64_t size = static_cast<int64_t>(items.size());
  const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? size : size - 1;
  const auto bound = [&](const Value& given, int64_t otherwise) {
    if (Is<None>(given)) return otherwise;
    int64_t at = *AsInt(given);
    // Far outside is outside; keeps the sum in range.
    at = std::clamp(at, -size - 1, size + 1);
    if (at < 0) at += size;
    return std::clamp(at, low, high);
  };
  const int64_t from = bound(start, by > 0 ? low : high);
  const int64_t to = bound(stop, by > 0 ? high : low);
  std::vector<Value> picked;
  for (int64_t i = from; by > 0 ? i < to : i > to;) {
    picked.push_back(items[i]);
    if (by > 0 ? to - i <= by : i - to <= -(by + 1)) break;
    i += by;
  }
  if (Is<List*>(value)) {
    return machine->NewList(std::move(picked),
                            std::get<List*>(value)->is_tuple);
  }
  Text text;
  for (const Value& character : picked) text.Append(TextOf(character));
  return machine->NewText(std::move(text));
}

const Value* FindKey(Machine* machine, const Dict& dict, const Value& key) {
  if (Is<List*>(key) || Is<Dict*>(key)) {
    if (Is<Dict*>(key) || !std::get<List*>(key)->is_tuple) {
      machine->Fail(absl::StrCat(TypeName(key), " cannot be a key"));
      return nullptr;
    }
  }
  machine->Charge(dict.items.size() * 8);
  for (const auto& item : dict.items) {
    if (IsText(key) && IsText(item.first)
            ? TextOf(key).bytes == TextOf(item.first).bytes
            : IsEqual(machine, key, item.first)) {
      return &item.second;
    }
  }
  return nullptr;
}

void SetKey(Machine* machine, Dict* dict, Value key, Value value) {
  const Value* found = FindKey(machine, *dict, key);
  if (machine->failed()) return;
  if (found != nullptr) {
    *const_cast<Value*>(found) = std::move(value);
    return;
  }
  dict->items.emplace_back(std::move(key), std::move(value));
}

}  // namespace r1::jinja
