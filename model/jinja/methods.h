// Methods of texts, lists and dicts. Those that would change their object are
// not there: values are immutable, as in jinja2's
// ImmutableSandboxedEnvironment.
#ifndef R1_MODEL_JINJA_METHODS_H_
#define R1_MODEL_JINJA_METHODS_H_

#include "absl/strings/string_view.h"
#include "model/jinja/call.h"

namespace r1::jinja {

bool HasMethod(const Value& value, absl::string_view name);
Value NewMethod(Machine* machine, const Value& self, absl::string_view name);
Value CallMethod(Machine* machine, const Method& method,
                 const Arguments& arguments);

// text.replace(from, to, limit), all of them if `limit` is negative.
Value ReplaceAll(Machine* machine, const Text& text, absl::string_view from,
                 const Text& to, int64_t limit);

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_METHODS_H_
