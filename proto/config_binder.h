// Applies the schema of config.proto to the tree of a text: which keys there
// are, what their values may be.
#ifndef R1_PROTO_CONFIG_BINDER_H_
#define R1_PROTO_CONFIG_BINDER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "proto/config_text.h"

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

enum class BindMode {
  // A key may be given once; list items are added up.
  kFile,
  // A key replaces what was there. Sections are merged; `[...]` replaces a
  // list, a single item is added to it.
  kOverride,
};

class ConfigBinder {
 public:
  // `source`: file name or override, for messages; in kFile mode the line is
  // added to it.
  ConfigBinder(BindMode mode, std::string source, ConfigReport* report)
      : mode_(mode), source_(std::move(source)), report_(report) {}

  void BindFields(const std::vector<TextField>& fields, const std::string& path,
                  google::protobuf::Message* message);

  void BindValue(const google::protobuf::FieldDescriptor& field,
                 const TextValue& value, const std::string& path,
                 google::protobuf::Message* message);

 private:
  void BindList(const google::protobuf::FieldDescriptor& field,
                const TextValue& value, const std::string& path,
                google::protobuf::Message* message);
  // One value that is not a list, set or added.
  void BindItem(const google::protobuf::FieldDescriptor& field,
                const TextValue& value, const std::string& path,
                google::protobuf::Message* message);

  std::string Where(int line) const;
  void Report(int line, const std::string& path, absl::string_view what);
  void ReportMismatch(const google::protobuf::FieldDescriptor& field,
                      const TextValue& value, const std::string& path,
                      absl::string_view what);

  BindMode mode_;
  std::string source_;
  ConfigReport* report_;
};

}  // namespace r1

#endif  // R1_PROTO_CONFIG_BINDER_H_
