#include "reward/text.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

constexpr size_t kExcerptBytes = 48;

// Length in bytes of the valid UTF-8 character at text[at], or 0.
// Source: Unicode 15, table 3-7 (well-formed byte sequences).
size_t CharacterLength(absl::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint8_t {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0;
  };
  const auto is_tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t first = byte(0);
  const uint8_t second = byte(1);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return is_tail(1) ? 2 : 0;
  if (first < 0xF0) {
    if (first == 0xE0 && second < 0xA0) return 0;  // overlong
    if (first == 0xED && second > 0x9F) return 0;  // surrogate
    return is_tail(1) && is_tail(2) ? 3 : 0;
  }
  if (first > 0xF4) return 0;
  if (first == 0xF0 && second < 0x90) return 0;  // overlong
  if (first == 0xF4 && second > 0x8F) return 0;  // above U+10FFFF
  return is_tail(1) && is_tail(2) && is_tail(3) ? 4 : 0;
}

}  // namespace

std::string Excerpt(absl::string_view text) {
  return absl::StrCat(absl::CHexEscape(text.substr(0, kExcerptBytes)),
                      text.size() > kExcerptBytes ? "..." : "");
}

std::string ToValidUtf8(absl::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharacterLength(text, at);
    if (length == 0) {
      valid.append("\xEF\xBF\xBD");
      ++at;
    } else {
      valid.append(text.data() + at, length);
      at += length;
    }
  }
  return valid;
}

bool IsValidUtf8(absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = CharacterLength(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace r1
