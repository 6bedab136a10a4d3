#include "proto/config_binder.h"

#include <google/protobuf/io/tokenizer.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/nearest_name.h"
#include "base/utf8.h"
#include "proto/config.pb.h"
#include "proto/config_text.h"
#include "proto/options.pb.h"

namespace r1 {

// --- The schema: which keys there are

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

// --- Values in their keys

namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
using ::google::protobuf::io::Tokenizer;
using Kind = TextValue::Kind;

// The sections of runs before there were recipes.
bool IsOldSection(absl::string_view path) {
  return path == "data" || path == "pretrain" || path == "sft" || path == "rl";
}

std::string DescribeUnknownKey(const std::string& path,
                               const Descriptor& section) {
  if (&section == Recipe::descriptor() && IsOldSection(path)) {
    return "unknown key: a run is made of stages now, stage { ... } and task "
           "{ ... }, see configs/README.md";
  }
  const std::string hint = DidYouMean(SuggestKeys(path));
  if (!hint.empty()) return absl::StrCat("unknown key", hint);
  std::vector<std::string> known;
  for (int i = 0; i < section.field_count(); ++i) {
    known.push_back(section.field(i)->name());
  }
  return absl::StrCat("unknown key; known here: ", absl::StrJoin(known, ", "));
}

// Whether an entry of a map has the key of an earlier one. By reflection, a map
// is the list of its entries.
bool IsKeyTwice(const Message& message, const FieldDescriptor& field) {
  const Reflection* r = message.GetReflection();
  std::set<std::string> keys;
  for (int i = 0; i < r->FieldSize(message, &field); ++i) {
    const Message& entry = r->GetRepeatedMessage(message, &field, i);
    const FieldDescriptor* key = field.message_type()->map_key();
    keys.insert(entry.GetReflection()->GetString(entry, key));
  }
  return keys.size() < r->FieldSize(message, &field);
}

// What became of a scalar's text: a typed value within its bounds, or why not.
enum class ScalarResult {
  kOk,
  kWrongType,
  kOutOfRange,
  kUnknownEnumValue,
  kNotUtf8,
  kZeroByte,
};

// Magnitude of an integer; false if it needs more than 64 bits. A leading zero
// would mean octal to a text-proto parser and decimal to a reader, so 010 is
// no integer here.
bool ParseMagnitude(const TextValue& value, uint64_t* magnitude) {
  return Tokenizer::ParseInteger(
      value.text, std::numeric_limits<uint64_t>::max(), magnitude);
}

bool HasLeadingZero(const std::string& digits) {
  return digits.size() > 1 && digits[0] == '0' &&
         absl::ascii_isdigit(static_cast<unsigned char>(digits[1]));
}

bool IsDecimal(const std::string& digits) {
  const bool is_hex =
      digits.size() > 1 &&
      !absl::ascii_isdigit(static_cast<unsigned char>(digits[1]));
  return !is_hex && !HasLeadingZero(digits);
}

ScalarResult SetInt32(const FieldDescriptor& field, const TextValue& value,
                      Message* message) {
  if (value.kind != Kind::kInteger || HasLeadingZero(value.text)) {
    return ScalarResult::kWrongType;
  }
  uint64_t magnitude = 0;
  if (!ParseMagnitude(value, &magnitude) || magnitude > uint64_t{1} << 31) {
    return ScalarResult::kOutOfRange;
  }
  int64_t number = static_cast<int64_t>(magnitude);
  if (value.is_negative) number = -number;
  if (number > std::numeric_limits<int32_t>::max() ||
      !IsInBounds(field, static_cast<double>(number))) {
    return ScalarResult::kOutOfRange;
  }
  const Reflection* r = message->GetReflection();
  const auto narrow = static_cast<int32_t>(number);
  field.is_repeated() ? r->AddInt32(message, &field, narrow)
                      : r->SetInt32(message, &field, narrow);
  return ScalarResult::kOk;
}

ScalarResult SetUInt64(const FieldDescriptor& field, const TextValue& value,
                       Message* message) {
  if (value.kind != Kind::kInteger || HasLeadingZero(value.text)) {
    return ScalarResult::kWrongType;
  }
  uint64_t number = 0;
  if (!ParseMagnitude(value, &number) || (value.is_negative && number != 0) ||
      !IsInBounds(field, static_cast<double>(number))) {
    return ScalarResult::kOutOfRange;
  }
  const Reflection* r = message->GetReflection();
  field.is_repeated() ? r->AddUInt64(message, &field, number)
                      : r->SetUInt64(message, &field, number);
  return ScalarResult::kOk;
}

// The number as written; NaN and infinities included.
bool ParseNumber(const TextValue& value, double* number) {
  switch (value.kind) {
    case Kind::kInteger:
      if (!IsDecimal(value.text)) return false;
      if (!absl::SimpleAtod(value.text, number)) return false;
      break;
    case Kind::kFloat:
      *number = Tokenizer::ParseFloat(value.text);
      break;
    case Kind::kWord: {
      const std::string word = absl::AsciiStrToLower(value.text);
      if (word == "nan") {
        *number = std::numeric_limits<double>::quiet_NaN();
      } else if (word == "inf" || word == "infinity") {
        *number = std::numeric_limits<double>::infinity();
      } else {
        return false;
      }
      break;
    }
    default:
      return false;
  }
  if (value.is_negative) *number = -*number;
  return true;
}

ScalarResult SetFloat(const FieldDescriptor& field, const TextValue& value,
                      Message* message) {
  double number = 0;
  if (!ParseNumber(value, &number)) return ScalarResult::kWrongType;
  if (!IsInBounds(field, number)) return ScalarResult::kOutOfRange;
  const auto narrow = static_cast<float>(number);
  // A rate of 1e-50 would silently become 0.
  if (narrow == 0 && number != 0) return ScalarResult::kOutOfRange;
  const Reflection* r = message->GetReflection();
  field.is_repeated() ? r->AddFloat(message, &field, narrow)
                      : r->SetFloat(message, &field, narrow);
  return ScalarResult::kOk;
}

ScalarResult SetBool(const FieldDescriptor& field, const TextValue& value,
                     Message* message) {
  const std::string& word = value.text;
  const bool is_unsigned = !value.is_negative;
  bool number = false;
  if (value.kind == Kind::kWord && is_unsigned &&
      (word == "true" || word == "True" || word == "t")) {
    number = true;
  } else if (value.kind == Kind::kWord && is_unsigned &&
             (word == "false" || word == "False" || word == "f")) {
    number = false;
  } else if (value.kind == Kind::kInteger && is_unsigned &&
             (word == "0" || word == "1")) {
    number = word == "1";
  } else {
    return ScalarResult::kWrongType;
  }
  const Reflection* r = message->GetReflection();
  field.is_repeated() ? r->AddBool(message, &field, number)
                      : r->SetBool(message, &field, number);
  return ScalarResult::kOk;
}

ScalarResult SetEnum(const FieldDescriptor& field, const TextValue& value,
                     Message* message) {
  if (value.kind != Kind::kWord || value.is_negative) {
    return ScalarResult::kWrongType;
  }
  const EnumValueDescriptor* named =
      field.enum_type()->FindValueByName(value.text);
  if (named == nullptr) return ScalarResult::kUnknownEnumValue;
  const Reflection* r = message->GetReflection();
  field.is_repeated() ? r->AddEnum(message, &field, named)
                      : r->SetEnum(message, &field, named);
  return ScalarResult::kOk;
}

ScalarResult SetString(const FieldDescriptor& field, const TextValue& value,
                       Message* message) {
  if (value.kind != Kind::kString) return ScalarResult::kWrongType;
  if (!IsUtf8(value.text)) return ScalarResult::kNotUtf8;
  // Paths and host names end at a zero byte for the system.
  if (value.text.find('\0') != std::string::npos) {
    return ScalarResult::kZeroByte;
  }
  const Reflection* r = message->GetReflection();
  field.is_repeated() ? r->AddString(message, &field, value.text)
                      : r->SetString(message, &field, value.text);
  return ScalarResult::kOk;
}

// Sets the field, or adds to it if it is repeated. Unless the result is kOk
// the message is unchanged.
ScalarResult SetScalar(const FieldDescriptor& field, const TextValue& value,
                       Message* message) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return SetInt32(field, value, message);
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetUInt64(field, value, message);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return SetFloat(field, value, message);
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(field, value, message);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(field, value, message);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(field, value, message);
    default:
      R1_CHECK(false, "config.proto uses a type the loader does not know");
      return ScalarResult::kWrongType;
  }
}

}  // namespace

std::string ConfigBinder::Where(int line) const {
  return mode_ == BindMode::kFile ? absl::StrCat(source_, ":", line) : source_;
}

void ConfigBinder::Report(int line, const std::string& path,
                          absl::string_view what) {
  report_->Add(mode_ == BindMode::kFile ? line : kOverrideLine, Where(line),
               path, what);
}

void ConfigBinder::BindFields(const std::vector<TextField>& fields,
                              const std::string& path, Message* message) {
  std::map<std::string, int> first_lines;
  for (const TextField& text : fields) {
    const std::string field_path = JoinPath(path, text.key);
    const FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(text.key);
    if (field == nullptr) {
      Report(text.line, field_path,
             DescribeUnknownKey(WithoutIndices(field_path),
                                *message->GetDescriptor()));
      continue;
    }
    const auto [first, is_first] = first_lines.emplace(text.key, text.line);
    if (!is_first && !field->is_repeated()) {
      Report(text.line, field_path,
             absl::StrCat("given twice; first on line ", first->second));
      continue;
    }
    BindValue(*field, text.value, field_path, message);
  }
}

void ConfigBinder::BindValue(const FieldDescriptor& field,
                             const TextValue& value, const std::string& path,
                             Message* message) {
  report_->SetOrigin(path, Where(value.line));
  if (field.is_repeated()) return BindList(field, value, path, message);
  if (value.kind == Kind::kList) {
    return ReportMismatch(field, value, path, "wrong type");
  }
  BindItem(field, value, path, message);
}

void ConfigBinder::BindList(const FieldDescriptor& field,
                            const TextValue& value, const std::string& path,
                            Message* message) {
  const Reflection* r = message->GetReflection();
  const bool is_list = value.kind == Kind::kList;
  if (is_list && mode_ == BindMode::kOverride) r->ClearField(message, &field);
  const auto bind = [&](const TextValue& item) {
    const int index = r->FieldSize(*message, &field);
    const std::string item_path = absl::StrCat(path, "[", index, "]");
    report_->SetOrigin(item_path, Where(item.line));
    BindItem(field, item, item_path, message);
    if (field.is_map() && IsKeyTwice(*message, field)) {
      Report(item.line, item_path, "the same key again; keep one");
    }
  };
  if (!is_list) return bind(value);
  for (const TextValue& item : value.items) bind(item);
}

void ConfigBinder::BindItem(const FieldDescriptor& field,
                            const TextValue& value, const std::string& path,
                            Message* message) {
  if (field.message_type() != nullptr) {
    if (value.kind != Kind::kSection) {
      return ReportMismatch(field, value, path, "wrong type");
    }
    const Reflection* r = message->GetReflection();
    Message* section = field.is_repeated() ? r->AddMessage(message, &field)
                                           : r->MutableMessage(message, &field);
    return BindFields(value.fields, path, section);
  }
  switch (SetScalar(field, value, message)) {
    case ScalarResult::kOk:
      return;
    case ScalarResult::kWrongType:
      return ReportMismatch(field, value, path, "wrong type");
    case ScalarResult::kOutOfRange:
      return ReportMismatch(field, value, path, "out of range");
    case ScalarResult::kNotUtf8:
      return ReportMismatch(field, value, path, "not valid UTF-8");
    case ScalarResult::kZeroByte:
      return ReportMismatch(field, value, path, "contains a zero byte");
    case ScalarResult::kUnknownEnumValue: {
      const auto names = EnumNames(*field.enum_type());
      return Report(
          value.line, path,
          absl::StrCat("unknown value: expected ", ExpectedValue(field),
                       ", got ", DescribeValue(value),
                       DidYouMean(NearestNames(value.text, names))));
    }
  }
}

void ConfigBinder::ReportMismatch(const FieldDescriptor& field,
                                  const TextValue& value,
                                  const std::string& path,
                                  absl::string_view what) {
  Report(value.line, path,
         absl::StrCat(what, ": expected ", ExpectedValue(field), ", got ",
                      DescribeValue(value)));
}

}  // namespace r1
