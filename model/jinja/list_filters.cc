// Filters of lists and dicts.
#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/jinja/call.h"
#include "model/jinja/operators.h"
#include "model/jinja/print.h"

namespace r1::jinja {
namespace {

using Key = std::function<Value(const Value&)>;

// The attribute named by `path`, "a.b.0" or an integer, of an item.
Value AttributeOf(Machine* machine, const Value& path, Value item) {
  if (AsInt(path)) return GetItem(machine, item, path);
  const std::string& names = TextArgument(machine, path).bytes;
  for (absl::string_view name : absl::StrSplit(names, '.')) {
    int64_t index = 0;
    item = GetItem(
        machine, item,
        absl::SimpleAtoi(name, &index) ? Value(index) : machine->NewText(name));
  }
  return item;
}

// What items are compared by: an attribute if one is named, texts without
// their case unless `is_case_sensitive`.
Key KeyOf(Machine* machine, Value attribute, bool is_case_sensitive) {
  return [=](const Value& item) {
    Value key = Is<Undefined>(attribute) || Is<None>(attribute)
                    ? item
                    : AttributeOf(machine, attribute, item);
    if (!IsText(key) || is_case_sensitive) return key;
    return machine->NewText(ChangeCase(TextOf(key), Case::kLower));
  };
}

void SortBy(Machine* machine, const Key& key, bool is_reverse,
            std::vector<Value>* items) {
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : *items) keyed.emplace_back(key(item), item);
  // Insertion, behind equal items, does not mind values that have no order.
  std::vector<std::pair<Value, Value>> sorted;
  const auto is_before = [&](const auto& a, const auto& b) {
    const int order = Order(machine, a.first, b.first);
    return is_reverse ? order > 0 : order < 0;
  };
  for (auto& item : keyed) {
    const auto at =
        std::upper_bound(sorted.begin(), sorted.end(), item, is_before);
    if (machine->failed()) return;
    sorted.insert(at, std::move(item));
  }
  for (size_t i = 0; i < sorted.size(); ++i) {
    (*items)[i] = std::move(sorted[i].second);
  }
}

Value Sort(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound = Bind(machine, "sort", arguments,
                          {"reverse", "case_sensitive", "attribute"});
  std::vector<Value> items = ItemsOf(machine, input);
  SortBy(machine, KeyOf(machine, bound[2], IsTrue(bound[1])), IsTrue(bound[0]),
         &items);
  return machine->NewList(std::move(items));
}

Value DictSort(Machine* machine, const Value& input,
               const Arguments& arguments) {
  const auto bound =
      Bind(machine, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  if (!Is<Dict*>(input)) return machine->Fail("dictsort: expected a dict");
  const bool is_by_value = IsTextOf(bound[1], "value");
  if (!is_by_value && !Is<Undefined>(bound[1]) && !IsTextOf(bound[1], "key")) {
    return machine->Fail("dictsort: by must be \"key\" or \"value\"");
  }
  std::vector<Value> items;
  for (const auto& [key, value] : std::get<Dict*>(input)->items) {
    items.push_back(machine->NewList({key, value}, /*is_tuple=*/true));
  }
  SortBy(machine,
         KeyOf(machine, int64_t{is_by_value ? 1 : 0}, IsTrue(bound[0])),
         IsTrue(bound[2]), &items);
  return machine->NewList(std::move(items));
}

Value Unique(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound =
      Bind(machine, "unique", arguments, {"case_sensitive", "attribute"});
  const Key key = KeyOf(machine, bound[1], IsTrue(bound[0]));
  std::vector<Value> items, keys;
  for (const Value& item : ItemsOf(machine, input)) {
    Value its = key(item);
    const bool is_new = std::none_of(
        keys.begin(), keys.end(),
        [&](const Value& other) { return IsEqual(machine, its, other); });
    if (machine->failed()) break;
    if (!is_new) continue;
    keys.push_back(std::move(its));
    items.push_back(item);
  }
  return machine->NewList(std::move(items));
}

// min and max.
Value Extreme(Machine* machine, const std::string& name, const Value& input,
              const Arguments& arguments) {
  const auto bound =
      Bind(machine, name, arguments, {"case_sensitive", "attribute"});
  const Key key = KeyOf(machine, bound[1], IsTrue(bound[0]));
  Value best, best_key;
  bool is_first = true;
  for (const Value& item : ItemsOf(machine, input)) {
    Value its = key(item);
    if (!is_first) {
      const int order = Order(machine, its, best_key);
      if (name == "min" ? order >= 0 : order <= 0) continue;
    }
    is_first = false;
    best = item;
    best_key = std::move(its);
  }
  return best;
}

Value Join(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound = Bind(machine, "join", arguments, {"d", "attribute"});
  const Text separator = ToText(machine, bound[0]);
  Text joined;
  bool is_first = true;
  for (Value item : ItemsOf(machine, input)) {
    if (!Is<Undefined>(bound[1]) && !Is<None>(bound[1])) {
      item = AttributeOf(machine, bound[1], std::move(item));
    }
    if (!is_first) joined.Append(separator);
    is_first = false;
    joined.Append(ToText(machine, item));
    if (machine->failed() || joined.bytes.size() > kMaxOutputBytes) break;
  }
  return machine->NewText(std::move(joined));
}

Value Sum(Machine* machine, const Value& input, const Arguments& arguments) {
  const auto bound = Bind(machine, "sum", arguments, {"attribute", "start"});
  Value sum = Is<Undefined>(bound[1]) ? Value(int64_t{0}) : bound[1];
  for (const Value& item : ItemsOf(machine, input)) {
    const bool is_named = !Is<Undefined>(bound[0]) && !Is<None>(bound[0]);
    sum = Arithmetic(machine, "+", sum,
                     is_named ? AttributeOf(machine, bound[0], item) : item);
  }
  return sum;
}

Value Map(Machine* machine, const Value& input, const Arguments& arguments) {
  std::vector<Value> items;
  if (arguments.positional.empty()) {
    const auto bound =
        Bind(machine, "map", arguments, {"", "attribute", "default"});
    if (Is<Undefined>(bound[1])) {
      return machine->Fail("map: needs a filter or an attribute");
    }
    for (const Value& item : ItemsOf(machine, input)) {
      Value its = AttributeOf(machine, bound[1], item);
      items.push_back(Is<Undefined>(its) ? bound[2] : std::move(its));
    }
    return machine->NewList(std::move(items));
  }
  const std::string name = TextArgument(machine, arguments.positional[0]).bytes;
  if (name == "map") return machine->Fail("map: of map is not supported");
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  for (const Value& item : ItemsOf(machine, input)) {
    items.push_back(CallFilter(machine, name, item, rest));
    if (machine->failed()) break;
  }
  return machine->NewList(std::move(items));
}

// select, reject, selectattr and rejectattr: by a test, by truth without one.
Value Select(Machine* machine, const std::string& name, const Value& input,
             const Arguments& arguments) {
  const bool keeps = name[0] == 's';
  const bool is_by_attribute = name.size() > 6;
  Arguments rest = arguments;
  Value attribute, test;
  for (Value* taken : {is_by_attribute ? &attribute : nullptr, &test}) {
    if (taken == nullptr || rest.positional.empty()) continue;
    *taken = rest.positional[0];
    rest.positional.erase(rest.positional.begin());
  }
  if (is_by_attribute && Is<Undefined>(attribute)) {
    return machine->Fail(absl::StrCat(name, ": needs an attribute"));
  }
  std::vector<Value> items;
  for (const Value& item : ItemsOf(machine, input)) {
    const Value tested =
        is_by_attribute ? AttributeOf(machine, attribute, item) : item;
    const bool passes =
        Is<Undefined>(test)
            ? IsTrue(tested)
            : CallTest(machine, TextArgument(machine, test).bytes, tested,
                       rest);
    if (machine->failed()) break;
    if (passes == keeps) items.push_back(item);
  }
  return machine->NewList(std::move(items));
}

Value Reverse(Machine* machine, const Value& input) {
  if (IsText(input))
    return GetSlice(machine, input, None(), None(), int64_t{-1});
  std::vector<Value> items = ItemsOf(machine, input);
  std::reverse(items.begin(), items.end());
  return machine->NewList(std::move(items));
}

// The first or last item.
Value EndOf(Machine* machine, const Value& input, bool is_first) {
  if (!is_first && Is<Dict*>(input) && IsTrue(input)) {
    return std::get<Dict*>(input)->items.back().first;
  }
  const std::vector<Value> items = ItemsOf(machine, input);
  if (items.empty()) return Undefined();
  return is_first ? items.front() : items.back();
}

Value Items(Machine* machine, const Value& input) {
  if (Is<Undefined>(input)) return machine->NewList({});
  if (!Is<Dict*>(input)) return machine->Fail("items: expected a dict");
  std::vector<Value> items;
  for (const auto& [key, value] : std::get<Dict*>(input)->items) {
    items.push_back(machine->NewList({key, value}, /*is_tuple=*/true));
  }
  return machine->NewList(std::move(items));
}

}  // namespace

bool CallListFilter(Machine* machine, const std::string& name,
                    const Value& input, const Arguments& arguments,
                    Value* result) {
  if (name == "join") {
    *result = Join(machine, input, arguments);
  } else if (name == "sort") {
    *result = Sort(machine, input, arguments);
  } else if (name == "dictsort") {
    *result = DictSort(machine, input, arguments);
  } else if (name == "unique") {
    *result = Unique(machine, input, arguments);
  } else if (name == "min" || name == "max") {
    *result = Extreme(machine, name, input, arguments);
  } else if (name == "sum") {
    *result = Sum(machine, input, arguments);
  } else if (name == "map" || name == "select" || name == "reject" ||
             name == "selectattr" || name == "rejectattr") {
    // Nothing of what is false, none and undefined among it.
    const Value items = IsTrue(input) ? input : machine->NewList({});
    *result = name == "map" ? Map(machine, items, arguments)
                            : Select(machine, name, items, arguments);
  } else if (name == "length" || name == "count" || name == "list" ||
             name == "first" || name == "last" || name == "reverse" ||
             name == "items") {
    Bind(machine, name, arguments, {});
    *result = name == "length" || name == "count"
                  ? Value(LengthOf(machine, input))
              : name == "list"    ? machine->NewList(ItemsOf(machine, input))
              : name == "reverse" ? Reverse(machine, input)
              : name == "items"   ? Items(machine, input)
                                  : EndOf(machine, input, name == "first");
  } else {
    return false;
  }
  return true;
}

}  // namespace r1::jinja
