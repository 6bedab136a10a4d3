#include "model/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_replace.h"
#include "base/utf8.h"

namespace r1 {
namespace {

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
    const size_t length = Utf8CharacterLength(text.substr(end));
    if (length == 0) return end;
    end += length;
  }
}

size_t InvalidUtf8Prefix(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() && Utf8CharacterLength(text.substr(end)) == 0) ++end;
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
