#include "model/jinja/template.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/jinja/interpreter.h"
#include "model/jinja/parser.h"

namespace r1::jinja {

absl::StatusOr<Template> Template::Parse(absl::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("line 1: the template has ", source.size(),
                     " bytes, at most ", kMaxSourceBytes, " are read"));
  }
  R1_ASSIGN_OR_RETURN(std::vector<NodePtr> body, ParseTemplate(source));
  return Template(std::move(body));
}

absl::StatusOr<MarkedText> Template::Render(
    absl::FunctionRef<Variables(Machine*)> make) const {
  Machine machine;
  Interpreter interpreter(&machine, &body_);
  const Text text = interpreter.Run(make(&machine));
  R1_RETURN_IF_ERROR(machine.status());
  return text.ToMarked();
}

}  // namespace r1::jinja
