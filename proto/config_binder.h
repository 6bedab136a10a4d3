// Applies the schema to parsed text: sets the fields of a Recipe and
// reports unknown keys, wrong types and values out of bounds.
#ifndef R1_PROTO_CONFIG_BINDER_H_
#define R1_PROTO_CONFIG_BINDER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "proto/config_report.h"
#include "proto/config_text.h"

namespace r1 {

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
