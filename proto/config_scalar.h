// One scalar: parsed text to a typed value within its bounds.
#ifndef R1_PROTO_CONFIG_SCALAR_H_
#define R1_PROTO_CONFIG_SCALAR_H_

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/config_text.h"

namespace r1 {

enum class ScalarResult {
  kOk,
  kWrongType,
  kOutOfRange,
  kUnknownEnumValue,
  kNotUtf8,
  kZeroByte,
};

// Sets the field, or adds to it if it is repeated. Unless the result is kOk
// the message is unchanged.
ScalarResult SetScalar(const google::protobuf::FieldDescriptor& field,
                       const TextValue& value,
                       google::protobuf::Message* message);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_SCALAR_H_
