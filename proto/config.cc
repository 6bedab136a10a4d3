#include "proto/config.h"

#include <google/protobuf/text_format.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "proto/config_binder.h"
#include "proto/config_override.h"
#include "proto/config_report.h"
#include "proto/config_rules.h"
#include "proto/config_schema.h"
#include "proto/config_text.h"

namespace r1 {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr size_t kMaxConfigBytes = 1 << 20;

// The numeric value of a field for a check of its bounds; false if it has no
// bounds (text, enums, bools, sections).
bool NumericValue(const Message& message, const FieldDescriptor* field,
                  double* value) {
  const Reflection* r = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      *value = r->GetInt32(message, field);
      return true;
    case FieldDescriptor::CPPTYPE_FLOAT:
      *value = r->GetFloat(message, field);
      return true;
    default:
      return false;
  }
}

void CheckBounds(const Message& message, const std::string& prefix,
                 ConfigReport* report) {
  const Reflection* r = message.GetReflection();
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const std::string path = JoinPath(prefix, field->name());
    double value = 0;
    if (field->is_repeated() && field->message_type() != nullptr) {
      for (int k = 0; k < r->FieldSize(message, field); ++k) {
        CheckBounds(r->GetRepeatedMessage(message, field, k),
                    absl::StrCat(path, "[", k, "]"), report);
      }
    } else if (field->message_type() != nullptr) {
      CheckBounds(r->GetMessage(message, field), path, report);
    } else if (!field->is_repeated() && NumericValue(message, field, &value) &&
               !IsInBounds(*field, value)) {
      report->Add(kRuleLine, "", path,
                  absl::StrCat("out of range: expected ", ExpectedValue(*field),
                               ", got ", value));
    }
  }
}

}  // namespace

absl::StatusOr<RunConfig> LoadConfig(const std::string& path,
                                     absl::Span<const std::string> overrides) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return Annotate(text.status(), "configuration");
  return ParseConfig(*text, path, overrides);
}

absl::StatusOr<RunConfig> ParseConfig(absl::string_view text,
                                      absl::string_view name,
                                      absl::Span<const std::string> overrides) {
  if (text.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": too large for a configuration: expected at most ",
                     kMaxConfigBytes, " bytes, got ", text.size()));
  }
  ConfigReport report{std::string(name)};
  std::vector<TextError> errors;
  const std::vector<TextField> fields = ParseTextFields(text, &errors);
  for (const TextError& error : errors) {
    report.Add(error.line, absl::StrCat(name, ":", error.line), error.path,
               error.what);
  }
  RunConfig config;
  ConfigBinder binder(BindMode::kFile, std::string(name), &report);
  binder.BindFields(fields, "", &config);
  for (const std::string& override : overrides) {
    ApplyOverride(override, &config, &report);
  }
  // Text that could not be read leaves defaults behind, and rules would blame
  // those.
  if (errors.empty()) CheckConfigRules(config, &report);
  R1_RETURN_IF_ERROR(report.ToStatus());
  WriteDefaults(&config);
  return config;
}

absl::Status ValidateConfig(const RunConfig& config) {
  ConfigReport report("");
  CheckBounds(config, "", &report);
  CheckConfigRules(config, &report);
  return report.ToStatus();
}

std::string ConfigToText(const RunConfig& config) {
  RunConfig resolved = config;
  WriteDefaults(&resolved);
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(resolved, &text);
  return text;
}

}  // namespace r1
