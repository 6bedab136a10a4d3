#include "proto/config_scalar.h"

#include <google/protobuf/io/tokenizer.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/check.h"
#include "base/utf8.h"
#include "proto/config_schema.h"

namespace r1 {
namespace {

using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
using ::google::protobuf::io::Tokenizer;
using Kind = TextValue::Kind;

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

}  // namespace

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

}  // namespace r1
