// The text of a configuration, as a tree with lines, and the mistakes found in
// it.
#ifndef R1_PROTO_CONFIG_TEXT_H_
#define R1_PROTO_CONFIG_TEXT_H_

#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

// Lines for mistakes outside the file: overrides come after it, rules last.
inline constexpr int kOverrideLine = std::numeric_limits<int>::max() - 1;
inline constexpr int kRuleLine = std::numeric_limits<int>::max();

class ConfigReport {
 public:
  // `source` names the configuration where a mistake has no better place.
  explicit ConfigReport(std::string source) : source_(std::move(source)) {}

  // Remembers that `path` was given at `where` ("a.textproto:12" or
  // "--set rl.steps=9"); a later call for the same path replaces the earlier.
  void SetOrigin(const std::string& path, std::string where);

  // One mistake: "where: path: what". `line` orders mistakes that are found
  // out of turn; those with equal lines stay in the order they were added.
  void Add(int line, absl::string_view where, absl::string_view path,
           absl::string_view what);

  // A mistake in the interplay of several keys. It is placed at the one given
  // last, since that is the one most likely to be changed; at `paths[0]` of
  // `source` if all are defaults. Dropped if one of the keys already has a
  // mistake, for then its value here is not the one that was meant; and said
  // once where several stages inherit it.
  void AddRule(absl::Span<const absl::string_view> paths,
               absl::string_view what);

  bool ok() const { return mistakes_.empty(); }

  // True for a mistake at `path` or below it.
  bool HasMistakeAt(absl::string_view path) const;

  // How paths are shown: of these prefixes the first that matches is replaced.
  void SetShortPaths(std::vector<std::pair<std::string, std::string>> shorter) {
    short_paths_ = std::move(shorter);
  }

  // OK, or InvalidArgument with one line per mistake (the first 50).
  absl::Status ToStatus() const;

 private:
  struct Origin {
    std::string where;
    int order;
  };
  struct Mistake {
    int line;
    std::string where;
    std::string path;
    std::string what;
  };
  // "where: path: what"
  std::string TextOf(const Mistake& mistake) const;

  std::string source_;
  std::vector<std::pair<std::string, std::string>> short_paths_;
  int next_order_ = 0;
  std::map<std::string, Origin, std::less<>> origins_;
  std::set<std::string, std::less<>> mistaken_paths_;
  std::vector<Mistake> mistakes_;
};

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
