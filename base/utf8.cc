#include "base/utf8.h"

#include "absl/strings/str_cat.h"

namespace r1 {

size_t Utf8CharacterLength(absl::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
  if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
  return length;
}

int32_t FirstCodePoint(absl::string_view text, size_t* length) {
  *length = Utf8CharacterLength(text);
  const auto byte = [&](size_t i) {
    return static_cast<int32_t>(static_cast<unsigned char>(text[i]));
  };
  switch (*length) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    case 4:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
             (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    default:
      *length = 1;
      return 0xFFFD;
  }
}

void AppendUtf8(uint32_t code_point, std::string* text) {
  if (code_point < 0x80) {
    text->push_back(static_cast<char>(code_point));
    return;
  }
  const int tail = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  constexpr uint8_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  text->push_back(static_cast<char>(kLead[tail] | code_point >> (6 * tail)));
  for (int i = tail - 1; i >= 0; --i) {
    text->push_back(static_cast<char>(0x80 | (code_point >> (6 * i) & 0x3F)));
  }
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
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

}  // namespace r1
