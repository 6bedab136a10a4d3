#include "proto/config_schema.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "proto/config.pb.h"
#include "proto/config_text.h"
#include "proto/nearest_name.h"
#include "proto/options.pb.h"

namespace r1 {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

void CollectKeys(const Descriptor& type, const std::string& prefix,
                 std::vector<SchemaKey>* keys) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    const std::string path = JoinPath(prefix, field->name());
    keys->push_back({path, field});
    if (field->message_type() != nullptr && !field->is_map()) {
      CollectKeys(*field->message_type(), path, keys);
    }
  }
}

std::string NumberText(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return absl::StrCat(static_cast<int64_t>(value));
  }
  return absl::StrCat(value);
}

// " from 1 to 4096", or what the type itself bounds.
std::string BoundsText(const FieldDescriptor& field) {
  const auto& options = field.options();
  const bool has_min = options.HasExtension(min);
  const bool has_max = options.HasExtension(max);
  const std::string low = NumberText(options.GetExtension(min));
  const std::string high = NumberText(options.GetExtension(max));
  if (has_min && has_max) return absl::StrCat(" from ", low, " to ", high);
  if (has_min) return absl::StrCat(" of at least ", low);
  if (has_max) return absl::StrCat(" of at most ", high);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
    return absl::StrCat(" from 0 to ", std::numeric_limits<uint64_t>::max());
  }
  return "";
}

absl::string_view LastPart(absl::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == path.npos ? path : path.substr(dot + 1);
}

// "rl.steps" of "stage.rl.steps": people name the stage, if they must.
absl::string_view WithoutStage(absl::string_view path) {
  absl::ConsumePrefix(&path, "stage.");
  return path;
}

bool IsOneOf(absl::string_view name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void SetToDefault(Message* message, const FieldDescriptor* field) {
  const Reflection* r = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return r->SetInt32(message, field, field->default_value_int32());
    case FieldDescriptor::CPPTYPE_UINT64:
      return r->SetUInt64(message, field, field->default_value_uint64());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return r->SetFloat(message, field, field->default_value_float());
    case FieldDescriptor::CPPTYPE_BOOL:
      return r->SetBool(message, field, field->default_value_bool());
    case FieldDescriptor::CPPTYPE_ENUM:
      return r->SetEnum(message, field, field->default_value_enum());
    case FieldDescriptor::CPPTYPE_STRING:
      return r->SetString(message, field, field->default_value_string());
    default:
      R1_CHECK(false, "config.proto uses a type the loader does not know");
  }
}

}  // namespace

std::vector<SchemaKey> SchemaKeys(const Descriptor& type) {
  std::vector<SchemaKey> keys;
  CollectKeys(type, "", &keys);
  return keys;
}

std::string ExpectedValue(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat("an integer", BoundsText(field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat("a number", BoundsText(field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of ",
                          absl::StrJoin(EnumNames(*field.enum_type()), ", "),
                          " (without quotes)");
    case FieldDescriptor::CPPTYPE_STRING:
      return "text in quotes";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "a section {...}";
    default:
      R1_CHECK(false, "config.proto uses a type the loader does not know");
      return "";
  }
}

bool IsInBounds(const FieldDescriptor& field, double value) {
  const auto& options = field.options();
  const double infinity = std::numeric_limits<double>::infinity();
  double low = -infinity, high = infinity;
  if (options.HasExtension(min)) low = options.GetExtension(min);
  if (options.HasExtension(max)) high = options.GetExtension(max);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) return false;
    const float v = static_cast<float>(value);
    return v >= static_cast<float>(low) && v <= static_cast<float>(high);
  }
  return value >= low && value <= high;
}

std::vector<std::string> EnumNames(
    const google::protobuf::EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    names.push_back(type.value(i)->name());
  }
  return names;
}

std::string WithoutIndices(absl::string_view path) {
  std::string plain;
  bool is_index = false;
  for (char c : path) {
    if (c == '[') is_index = true;
    if (!is_index) plain += c;
    if (c == ']') is_index = false;
  }
  return plain;
}

std::vector<std::string> SuggestKeys(absl::string_view unknown_path) {
  // A key of the same name in another section counts as one more edit.
  constexpr int kOtherSection = 1;
  constexpr size_t kMaxSuggestions = 3;
  unknown_path = WithoutStage(unknown_path);
  const absl::string_view unknown_name = LastPart(unknown_path);
  const int limit = TypoLimit(unknown_name);
  int best = limit + kOtherSection;
  std::vector<std::string> suggestions;
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    const std::string path(WithoutStage(key.path));
    if (IsOneOf(path, suggestions)) continue;
    const int by_path = NameDistance(unknown_path, path);
    const int by_name = NameDistance(unknown_name, key.field->name());
    int distance = limit + kOtherSection + 1;
    if (by_name <= limit) distance = by_name + kOtherSection;
    if (by_path <= limit) distance = std::min(distance, by_path);
    if (distance > best) continue;
    if (distance < best) suggestions.clear();
    best = distance;
    if (suggestions.size() < kMaxSuggestions) suggestions.push_back(path);
  }
  return suggestions;
}

void WriteDefaults(Message* message) {
  const Reflection* r = message->GetReflection();
  const Descriptor* type = message->GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const bool is_section = field->message_type() != nullptr;
    if (field->is_repeated()) {
      const int count = is_section ? r->FieldSize(*message, field) : 0;
      for (int k = 0; k < count; ++k) {
        WriteDefaults(r->MutableRepeatedMessage(message, field, k));
      }
    } else if (is_section) {
      WriteDefaults(r->MutableMessage(message, field));
    } else if (!r->HasField(*message, field)) {
      SetToDefault(message, field);
    }
  }
}

}  // namespace r1
