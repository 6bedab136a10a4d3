#include "proto/config_binder.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/config.pb.h"
#include "proto/config_scalar.h"
#include "proto/config_schema.h"
#include "proto/nearest_name.h"

namespace r1 {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
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
