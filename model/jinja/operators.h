// Operators on values, as Python has them.
#ifndef R1_MODEL_JINJA_OPERATORS_H_
#define R1_MODEL_JINJA_OPERATORS_H_

#include <optional>
#include <string>
#include <vector>

#include "model/jinja/machine.h"
#include "model/jinja/value.h"

namespace r1::jinja {

bool IsTrue(const Value& value);
bool IsEqual(Machine* machine, const Value& a, const Value& b, int depth = 0);
// Less than zero, zero, more than zero; fails for values without an order.
int Order(Machine* machine, const Value& a, const Value& b);
bool Contains(Machine* machine, const Value& container, const Value& item);

// op: one of + - * / // % **
Value Arithmetic(Machine* machine, absl::string_view op, const Value& a,
                 const Value& b);

// The number as a float; nothing for other types. bool counts as int.
std::optional<double> AsFloat(const Value& value);
std::optional<int64_t> AsInt(const Value& value);

// The items of anything that can be looped over: a dict's keys, a text's
// characters. Fails for the rest.
std::vector<Value> ItemsOf(Machine* machine, const Value& value);
// len(); fails for values without one.
int64_t LengthOf(Machine* machine, const Value& value);

// value.name and value[key], Undefined where there is none.
Value GetAttribute(Machine* machine, const Value& value,
                   const std::string& name);
Value GetItem(Machine* machine, const Value& value, const Value& key);
// value[start:stop:step]; None for what is not given.
Value GetSlice(Machine* machine, const Value& value, const Value& start,
               const Value& stop, const Value& step);

const Value* FindKey(Machine* machine, const Dict& dict, const Value& key);
void SetKey(Machine* machine, Dict* dict, Value key, Value value);

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_OPERATORS_H_
