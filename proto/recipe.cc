#include "proto/recipe.h"

#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "proto/config_binder.h"
#include "proto/config_override.h"
#include "proto/config_report.h"
#include "proto/config_rules.h"
#include "proto/config_text.h"
#include "proto/recipe_names.h"

namespace r1 {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

}  // namespace

absl::StatusOr<Recipe> LoadRecipe(const std::string& path,
                                  absl::Span<const std::string> overrides) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return Annotate(text.status(), "configuration");
  return ParseRecipe(*text, path, overrides);
}

absl::StatusOr<Recipe> ParseRecipe(absl::string_view text,
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
  Recipe recipe;
  ConfigBinder binder(BindMode::kFile, std::string(name), &report);
  binder.BindFields(fields, "", &recipe);
  FillNames(&recipe);
  for (const std::string& override : overrides) {
    ApplyOverride(override, &recipe, &report);
  }
  report.SetShortPaths(ShortPaths(recipe));
  // Text that could not be read leaves defaults behind, and rules would blame
  // those.
  if (errors.empty()) CheckConfigRules(recipe, &report);
  R1_RETURN_IF_ERROR(report.ToStatus());
  return recipe;
}

std::string ConfigToText(const google::protobuf::Message& config) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(config, &text);
  return text;
}

}  // namespace r1
