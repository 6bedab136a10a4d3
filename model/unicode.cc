#include "model/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_replace.h"

namespace r1 {
namespace {

// Bytes of the character at the start of `text`; 0 if it is not valid.
// Source: Unicode 15, table 3-7.
size_t CharacterLength(absl::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
  if (lead == 0xED && byte(1) > 0x9F) return 0;  // surrogate
  if (lead == 0xF0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
  return length;
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

void AppendNfc(absl::string_view valid, std::string* out) {
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), valid.size(),
      &composed,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  // Fails only for lack of memory or text above 2 GB: then as it was.
  if (size < 0) {
    out->append(valid.data(), valid.size());
    return;
  }
  out->append(reinterpret_cast<const char*>(composed), size);
  std::free(composed);
}

template <typename Map>
std::string MapCharacters(absl::string_view text, const Map& map) {
  std::string out;
  while (!text.empty()) {
    utf8proc_int32_t code_point = -1;
    const utf8proc_ssize_t size =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                         text.size(), &code_point);
    if (size <= 0) return out.append(text.data(), text.size());
    utf8proc_uint8_t mapped[4];
    out.append(reinterpret_cast<const char*>(mapped),
               utf8proc_encode_char(map(code_point), mapped));
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string ToUpper(absl::string_view text) {
  return absl::StrReplaceAll(MapCharacters(text, utf8proc_toupper),
                             {{"\u00DF", "SS"}, {"\u1E9E", "SS"}});
}

std::string ToLower(absl::string_view text) {
  return MapCharacters(text, utf8proc_tolower);
}

size_t ValidUtf8Prefix(absl::string_view text) {
  size_t end = 0;
  for (;;) {
    const size_t length = CharacterLength(text.substr(end));
    if (length == 0) return end;
    end += length;
  }
}

size_t InvalidUtf8Prefix(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() && CharacterLength(text.substr(end)) == 0) ++end;
  return end;
}

std::string NormalizeNfc(absl::string_view text) {
  if (IsAscii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    if (valid > 0) AppendNfc(text.substr(0, valid), &out);
    text.remove_prefix(valid);
    const size_t invalid = InvalidUtf8Prefix(text);
    out.append(text.data(), invalid);
    text.remove_prefix(invalid);
  }
  return out;
}

}  // namespace r1
