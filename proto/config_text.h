// Text-proto syntax without a schema: text to a tree of keys and values, each
// with its line. The schema is applied to the tree afterwards
// (config_binder.h), so that one pass can report every mistake in a file;
// protobuf's own text parser stops at the first wrong value.
#ifndef R1_PROTO_CONFIG_TEXT_H_
#define R1_PROTO_CONFIG_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1 {

struct TextField;

struct TextValue {
  enum class Kind { kInteger, kFloat, kString, kWord, kSection, kList };
  Kind kind = Kind::kWord;
  int line = 1;
  // A minus sign stood in front (numbers, and the words inf and nan).
  bool is_negative = false;
  // Numbers and words: as written, without the sign. Strings: the bytes.
  std::string text;
  std::vector<TextField> fields;  // kSection
  std::vector<TextValue> items;   // kList
};

struct TextField {
  std::string key;
  int line = 1;
  TextValue value;
};

struct TextError {
  int line = 1;
  std::string path;  // of the enclosing section or key; may be empty
  std::string what;
};

// The fields of a whole file. Mistakes are appended to `errors`, and parsing
// goes on behind them where possible.
std::vector<TextField> ParseTextFields(absl::string_view text,
                                       std::vector<TextError>* errors);

// One value, e.g. `10`, `"a" "b"`, `[1, 2]` or `{name: "x"}`.
TextValue ParseTextValue(absl::string_view text,
                         std::vector<TextError>* errors);

// "path.key", or the one of them that is not empty.
std::string JoinPath(absl::string_view path, absl::string_view key);

// The value as a person wrote it, on one line, for messages.
std::string DescribeValue(const TextValue& value);

// `text` in double quotes, escaped and cut to a readable length.
std::string QuoteForMessage(absl::string_view text);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_TEXT_H_
