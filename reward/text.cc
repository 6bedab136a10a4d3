#include "reward/text.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace r1 {
namespace {

constexpr size_t kExcerptBytes = 48;

}  // namespace

std::string Excerpt(absl::string_view text) {
  return absl::StrCat(absl::CHexEscape(text.substr(0, kExcerptBytes)),
                      text.size() > kExcerptBytes ? "..." : "");
}

std::string ToValidUtf8(absl::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  size_t begin = 0;  // of the valid stretch that is not yet copied
  for (size_t at = 0; at < text.size();) {
    const size_t length = Utf8CharacterLength(text.substr(at));
    if (length > 0) {
      at += length;
      continue;
    }
    absl::StrAppend(&valid, text.substr(begin, at - begin), "\xEF\xBF\xBD");
    begin = ++at;
  }
  absl::StrAppend(&valid, text.substr(begin));
  return valid;
}

bool IsValidUtf8(absl::string_view text) { return IsUtf8(text); }

}  // namespace r1
