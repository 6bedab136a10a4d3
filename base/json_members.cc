#include "base/json_members.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/utf8.h"

namespace r1 {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Reads tokens from the front of a text.
class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  void SkipBlanks() {
    while (!rest_.empty() && IsBlank(rest_[0])) rest_.remove_prefix(1);
  }
  bool is_at_end() const { return rest_.empty(); }
  bool Take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // A string with its quotes; empty if there is none or no end of it.
  absl::string_view TakeString() {
    if (rest_.empty() || rest_[0] != '"') return "";
    return TakeFront(StringEnd(0));
  }
  // Up to the "," or "}" that ends the value; empty if there is none.
  absl::string_view TakeValue() {
    size_t depth = 0, at = 0;
    while (at < rest_.size()) {
      const char c = rest_[at];
      if (c == '"') {
        at = StringEnd(at);
        if (at == 0) return "";
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at;
    }
    while (at > 0 && IsBlank(rest_[at - 1])) --at;
    return TakeFront(at);
  }

 private:
  // Behind the string that begins at `at`; 0 if it does not end.
  size_t StringEnd(size_t at) const {
    for (++at; at < rest_.size(); ++at) {
      if (rest_[at] == '"') return at + 1;
      if (rest_[at] == '\\') ++at;
    }
    return 0;
  }
  absl::string_view TakeFront(size_t size) {
    const absl::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return front;
  }

  absl::string_view rest_;
};

// The four hexadecimal digits of "\uXXXX" at `at`; 0 for others.
uint32_t EscapedUnit(absl::string_view text, size_t at) {
  uint32_t unit = 0;
  if (text.size() < at + 6 || text.substr(at, 2) != "\\u" ||
      !absl::SimpleHexAtoi(text.substr(at + 2, 4), &unit)) {
    return 0;
  }
  return unit;
}

// What a string with its quotes says.
std::string Unescaped(absl::string_view quoted) {
  const absl::string_view text = quoted.substr(1, quoted.size() - 2);
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      plain.push_back(text[at]);
      continue;
    }
    if (text[at + 1] != 'u') {
      constexpr absl::string_view kNames = "bfnrt", kMeanings = "\b\f\n\r\t";
      const size_t i = kNames.find(text[++at]);
      plain.push_back(i == kNames.npos ? text[at] : kMeanings[i]);
      continue;
    }
    uint32_t c = EscapedUnit(text, at);
    at += 5;
    const uint32_t low = EscapedUnit(text, at + 1);
    if (c >= 0xD800 && c < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      at += 6;
    }
    AppendUtf8(c, &plain);
  }
  return plain;
}

}  // namespace

std::optional<std::vector<JsonMember>> JsonMembers(absl::string_view text) {
  Reader reader(text);
  std::vector<JsonMember> members;
  reader.SkipBlanks();
  if (!reader.Take('{')) return std::nullopt;
  reader.SkipBlanks();
  bool is_closed = reader.Take('}');
  while (!is_closed) {
    JsonMember member;
    reader.SkipBlanks();
    member.key = reader.TakeString();
    reader.SkipBlanks();
    if (member.key.empty() || !reader.Take(':')) return std::nullopt;
    reader.SkipBlanks();
    member.value = reader.TakeValue();
    if (member.value.empty()) return std::nullopt;
    member.name = Unescaped(member.key);
    members.push_back(std::move(member));
    reader.SkipBlanks();
    is_closed = reader.Take('}');
    if (!is_closed && !reader.Take(',')) return std::nullopt;
  }
  reader.SkipBlanks();
  if (!reader.is_at_end()) return std::nullopt;
  return members;
}

std::optional<absl::string_view> JsonMemberValue(absl::string_view text,
                                                 absl::string_view name) {
  const auto members = JsonMembers(text);
  if (!members.has_value()) return std::nullopt;
  const auto it =
      std::find_if(members->rbegin(), members->rend(),
                   [&](const JsonMember& m) { return m.name == name; });
  if (it == members->rend()) return std::nullopt;
  return it->value;
}

std::string JsonObject(const std::vector<JsonMember>& members) {
  return absl::StrCat(
      "{",
      absl::StrJoin(members, ",",
                    [](std::string* out, const JsonMember& member) {
                      absl::StrAppend(out, member.key, ":", member.value);
                    }),
      "}");
}

std::string JsonMemberNames(const std::vector<JsonMember>& members) {
  constexpr size_t kMostNames = 10;
  if (members.empty()) return "none";
  std::string names;
  for (size_t i = 0; i < std::min(members.size(), kMostNames); ++i) {
    absl::StrAppend(&names, i > 0 ? ", " : "", members[i].name);
  }
  if (members.size() > kMostNames) {
    absl::StrAppend(&names, " and ", members.size() - kMostNames, " more");
  }
  return names;
}

}  // namespace r1
