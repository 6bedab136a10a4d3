#include "proto/config_binder.h"

#include <google/protobuf/io/tokenizer.h>

#include <cstdint>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/utf8.h"
#include "proto/config.pb.h"
#include "proto/config_schema.h"
#include "proto/nearest_name.h"

namespace r1 {
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
