// Facts about the keys of config.proto, read from its descriptors: bounds,
// what a value must look like, and which key a wrong one resembles.
#ifndef R1_PROTO_CONFIG_SCHEMA_H_
#define R1_PROTO_CONFIG_SCHEMA_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace r1 {

struct SchemaKey {
  std::string path;  // "rl.steps", "reward.rule.name"
  const google::protobuf::FieldDescriptor* field;
};

// Every key below `type` in the order of declaration, sections before their
// content. A map is one key.
std::vector<SchemaKey> SchemaKeys(const google::protobuf::Descriptor& type);

// What to write for this key, with its bounds: "an integer from 1 to 4096",
// "one of GRPO, RLOO", "text in quotes", "a section {...}".
std::string ExpectedValue(const google::protobuf::FieldDescriptor& field);

// True if the value lies in the key's bounds; never true for NaN. Floats are
// compared as floats, so that a bound written 0.01 admits 0.01.
bool IsInBounds(const google::protobuf::FieldDescriptor& field, double value);

// The names of an enum's values, in order.
std::vector<std::string> EnumNames(
    const google::protobuf::EnumDescriptor& type);

// "reward.rule[1].weight" is "reward.rule.weight": the key in the schema
// without the positions in lists.
std::string WithoutIndices(absl::string_view path);

// For an unknown key: the known keys of the configuration that resemble it,
// by spelling or by having this name in another section.
std::vector<std::string> SuggestKeys(absl::string_view unknown_path);

// Sets every unset scalar to its default, in every section, so that all keys
// are present.
void WriteDefaults(google::protobuf::Message* message);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_SCHEMA_H_
