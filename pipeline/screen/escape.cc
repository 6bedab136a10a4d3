#include "pipeline/screen/escape.h"

#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/utf8.h"

namespace r1 {
namespace {

struct Range {
  uint32_t first, last;
};

bool IsIn(uint32_t c, const Range* ranges, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (c >= ranges[i].first && c <= ranges[i].last) return true;
  }
  return false;
}

// Characters without a shape of their own that change how others look.
bool IsInvisible(uint32_t c) {
  static constexpr Range kRanges[] = {
      {0x00, 0x1f},        // C0 (newline and tab are let through before)
      {0x7f, 0x9f},        // DEL, C1
      {0xad, 0xad},        // soft hyphen
      {0x034f, 0x034f},    // grapheme joiner
      {0x061c, 0x061c},    // Arabic letter mark
      {0x115f, 0x1160},    // Hangul fillers
      {0x17b4, 0x17b5},    // Khmer inherent vowels
      {0x180b, 0x180f},    // Mongolian separators
      {0x200b, 0x200f},    // zero width, bidi marks
      {0x2028, 0x202e},    // line separators, bidi embeddings
      {0x2060, 0x206f},    // joiners, bidi isolates
      {0x3164, 0x3164},    // Hangul filler
      {0xfe00, 0xfe0f},    // variation selectors
      {0xfeff, 0xfeff},    // byte order mark
      {0xffa0, 0xffa0},    // Hangul filler
      {0xfff0, 0xfffb},    // interlinear annotation
      {0x1bca0, 0x1bca3},  // shorthand controls
      {0x1d173, 0x1d17a},  // musical controls
      {0xe0000, 0xe0fff},  // tags, variation selectors
  };
  return IsIn(c, kRanges, std::size(kRanges));
}

bool IsCombining(uint32_t c) {
  static constexpr Range kRanges[] = {
      {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},
      {0x064b, 0x065f}, {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948},
      {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},
      {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0x302a, 0x302d}, {0xfe20, 0xfe2f},
  };
  return IsIn(c, kRanges, std::size(kRanges));
}

bool IsWide(uint32_t c) {
  static constexpr Range kRanges[] = {
      {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},
      {0x2614, 0x2615},   {0x2648, 0x2653},   {0x2705, 0x2705},
      {0x274c, 0x274e},   {0x2753, 0x2757},   {0x2e80, 0x303e},
      {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
      {0xa000, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
      {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
      {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
      {0x20000, 0x3fffd},
  };
  return IsIn(c, kRanges, std::size(kRanges));
}

std::string Visible(absl::string_view bytes, bool one_line) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    size_t length = 0;
    const uint32_t c = FirstCodePoint(bytes, &length);
    if (Utf8CharacterLength(bytes) == 0) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(bytes[0]));
    } else if (c == '\n') {
      out += one_line ? "\\n" : "\n";
    } else if (c == '\t') {
      out += one_line ? ' ' : '\t';
    } else if (IsInvisible(c)) {
      absl::StrAppendFormat(&out, "\\u{%04x}", c);
    } else {
      absl::StrAppend(&out, bytes.substr(0, length));
    }
    bytes.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string VisibleText(absl::string_view bytes) {
  return Visible(bytes, /*one_line=*/false);
}

std::string VisibleLine(absl::string_view bytes) {
  return Visible(bytes, /*one_line=*/true);
}

std::string HtmlText(absl::string_view bytes) {
  std::string out;
  for (const char c : VisibleText(bytes)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string JsonForScript(absl::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    if (json[0] == '<') {
      out += "\\u003c";
      json.remove_prefix(1);
    } else if (json.substr(0, 3) == "\xe2\x80\xa8") {
      out += "\\u2028";
      json.remove_prefix(3);
    } else if (json.substr(0, 3) == "\xe2\x80\xa9") {
      out += "\\u2029";
      json.remove_prefix(3);
    } else {
      out += json[0];
      json.remove_prefix(1);
    }
  }
  return out;
}

int DisplayWidth(absl::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    size_t length = 0;
    const uint32_t c = FirstCodePoint(text, &length);
    columns += IsCombining(c) ? 0 : IsWide(c) ? 2 : 1;
    text.remove_prefix(length);
  }
  return columns;
}

std::string PadRight(absl::string_view text, int columns) {
  const int missing = std::max(0, columns - DisplayWidth(text));
  return absl::StrCat(text, std::string(missing, ' '));
}

std::string PadLeft(absl::string_view text, int columns) {
  const int missing = std::max(0, columns - DisplayWidth(text));
  return absl::StrCat(std::string(missing, ' '), text);
}

std::string TruncateToWidth(absl::string_view text, int columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns <= 0) return "";
  int used = 0;
  absl::string_view rest = text;
  while (!rest.empty()) {
    size_t length = 0;
    FirstCodePoint(rest, &length);
    const int width = DisplayWidth(rest.substr(0, length));
    if (used + width > columns - 1) break;
    used += width;
    rest.remove_prefix(length);
  }
  return absl::StrCat(text.substr(0, text.size() - rest.size()), "…");
}

}  // namespace r1
