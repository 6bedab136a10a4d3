#include "proto/config_override.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/config_binder.h"
#include "proto/config_schema.h"
#include "proto/config_text.h"
#include "proto/nearest_name.h"

namespace r1 {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr absl::string_view kUsage =
    "expected --set section.key=value, e.g. --set rl.steps=10";

struct Target {
  const FieldDescriptor* field = nullptr;
  Message* section = nullptr;
};

// The field that `path` names and the section it lies in; a null field if
// there is none, or if the path leads through a list.
Target FindTarget(const std::string& path, RunConfig* config) {
  Target target;
  Message* section = config;
  for (absl::string_view part : absl::StrSplit(path, '.')) {
    if (target.field != nullptr) {
      if (target.field->message_type() == nullptr ||
          target.field->is_repeated()) {
        return {};
      }
      section = section->GetReflection()->MutableMessage(section, target.field);
    }
    target.field = section->GetDescriptor()->FindFieldByName(std::string(part));
    if (target.field == nullptr) return {};
  }
  target.section = section;
  return target;
}

// True if the value is text without quotes for a string key.
bool IsBareText(const FieldDescriptor& field, absl::string_view value) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
  if (value.empty()) return true;
  const char first = value.front();
  return first != '"' && first != '\'' &&
         !(field.is_repeated() && first == '[');
}

std::string DescribeUnknown(const std::string& path) {
  for (const SchemaKey& key : SchemaKeys(*RunConfig::descriptor())) {
    if (key.field->is_repeated() &&
        (absl::StartsWith(path, absl::StrCat(key.path, ".")) ||
         absl::StartsWith(path, absl::StrCat(key.path, "[")))) {
      return absl::StrCat("part of a list, which is set as a whole: expected ",
                          "--set '", key.path, "=[...]'");
    }
  }
  return absl::StrCat("unknown key", DidYouMean(SuggestKeys(path)));
}

}  // namespace

void ApplyOverride(const std::string& argument, RunConfig* config,
                   ConfigReport* report) {
  const std::string where =
      absl::StrCat("--set ", absl::Utf8SafeCEscape(argument.substr(0, 80)));
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) {
    return report->Add(kOverrideLine, where, "", kUsage);
  }
  const std::string path(absl::StripAsciiWhitespace(
      absl::string_view(argument).substr(0, equals)));
  const absl::string_view text = absl::StripAsciiWhitespace(
      absl::string_view(argument).substr(equals + 1));
  const Target target = FindTarget(path, config);
  if (target.field == nullptr) {
    return report->Add(kOverrideLine, where, path, DescribeUnknown(path));
  }
  std::vector<TextError> errors;
  TextValue value;
  if (IsBareText(*target.field, text)) {
    value.kind = TextValue::Kind::kString;
    value.text = std::string(text);
  } else {
    value = ParseTextValue(text, &errors);
  }
  for (const TextError& error : errors) {
    report->Add(kOverrideLine, where, JoinPath(path, error.path), error.what);
  }
  if (!errors.empty()) return;
  ConfigBinder binder(BindMode::kOverride, where, report);
  binder.BindValue(*target.field, value, path, target.section);
}

}  // namespace r1
