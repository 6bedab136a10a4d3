// A template of the Jinja language as chat templates use it. It can neither
// reach anything but the values it is given nor run without end: no attributes
// of host objects, no import, bounded steps, text, nesting and source.
//
// The subset: for (filter, else, unpacking, loop.*, break, continue), if, set,
// set blocks, namespaces, macros, with, filter blocks, raw, generation
// (transparent); all operators, slices, tests and most filters and methods of
// jinja2; white space as with trim_blocks and lstrip_blocks. What a template
// prints equals what jinja2's ImmutableSandboxedEnvironment prints, with the
// functions that transformers adds. Differences: `safe` marks nothing, filters
// give lists and not generators, integers have 64 bits, strftime_now() always
// tells 26 July 2024.
// Source: jinja2 3.1; transformers 5.24, utils/chat_template_utils.py.
#ifndef R1_MODEL_JINJA_TEMPLATE_H_
#define R1_MODEL_JINJA_TEMPLATE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/jinja/ast.h"
#include "model/jinja/machine.h"
#include "model/marked_text.h"

namespace r1::jinja {

inline constexpr size_t kMaxSourceBytes = 256 << 10;

// Threads: immutable; safe from any thread.
class Template {
 public:
  // Errors: InvalidArgument "line N: what", Unimplemented likewise.
  static absl::StatusOr<Template> Parse(absl::string_view source);

  using Variables = std::vector<std::pair<std::string, Value>>;
  // What the template prints with the variables that `make` gives, which marks
  // of its text come from data.
  // Errors: InvalidArgument "line N: what".
  absl::StatusOr<MarkedText> Render(
      absl::FunctionRef<Variables(Machine*)> make) const;

 private:
  explicit Template(std::vector<NodePtr> body) : body_(std::move(body)) {}

  std::vector<NodePtr> body_;
};

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_TEMPLATE_H_
