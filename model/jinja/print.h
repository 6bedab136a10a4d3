// Values as text: Python's str(), repr() and json.dumps().
#ifndef R1_MODEL_JINJA_PRINT_H_
#define R1_MODEL_JINJA_PRINT_H_

#include <string>

#include "model/jinja/machine.h"
#include "model/jinja/value.h"

namespace r1::jinja {

// str(value): what {{ value }} prints; nothing for Undefined.
Text ToText(Machine* machine, const Value& value);

struct JsonStyle {
  bool is_ascii = false;
  bool sorts_keys = false;
  bool has_indent = false;
  std::string indent;  // of one level
  Text item_separator = Text::Own(", ");
  Text key_separator = Text::Own(": ");
};
Text ToJson(Machine* machine, const Value& value, const JsonStyle& style);

// "str", "list", …: for messages.
const char* TypeName(const Value& value);

// repr() of a float: the shortest digits that read back as it.
std::string FloatText(double value);

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_PRINT_H_
