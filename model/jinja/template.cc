#include "model/jinja/template.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "model/jinja/interpreter.h"
#include "model/jinja/parser.h"

namespace r1::jinja {
namespace {

// What a template says of its own, or repeats of itself, may have many lines.
absl::Status OneLine(const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(
      status.code(),
      absl::StrReplaceAll(status.message(),
                          {{"\r\n", " "}, {"\n", " "}, {"\r", " "}}));
}

}  // namespace

absl::StatusOr<Template> Template::Parse(absl::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("line 1: the template has ", source.size(),
                     " bytes, at most ", kMaxSourceBytes, " are read"));
  }
  absl::StatusOr<std::vector<NodePtr>> body = ParseTemplate(source);
  R1_RETURN_IF_ERROR(OneLine(body.status()));
  return Template(*std::move(body));
}

absl::StatusOr<MarkedText> Template::Render(
    absl::FunctionRef<Variables(Machine*)> make) const {
  Machine machine;
  Interpreter interpreter(&machine, &body_);
  const Text text = interpreter.Run(make(&machine));
  R1_RETURN_IF_ERROR(OneLine(machine.status()));
  return text.ToMarked();
}

}  // namespace r1::jinja
