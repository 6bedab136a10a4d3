#include "model/byte_level.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace r1 {
namespace {

// All code points of the spelling lie below this one.
constexpr int kEndCodePoint = 256 + 68;

constexpr bool IsPrintable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         byte >= 0xAE;
}

struct Tables {
  std::array<uint16_t, 256> code_point{};
  std::array<int16_t, kEndCodePoint> byte{};
};

// Printable Latin-1 spells itself; the 68 others get 256, 257, … in order.
constexpr Tables MakeTables() {
  Tables tables;
  for (int16_t& byte : tables.byte) byte = -1;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const int code_point = IsPrintable(byte) ? byte : next++;
    tables.code_point[byte] = static_cast<uint16_t>(code_point);
    tables.byte[code_point] = static_cast<int16_t>(byte);
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

}  // namespace

std::string BytesToByteLevel(absl::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    AppendUtf8(kTables.code_point[static_cast<uint8_t>(c)], &text);
  }
  return text;
}

std::optional<std::string> ByteLevelToBytes(absl::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t lead = static_cast<uint8_t>(text[i]);
    int code_point = lead;
    if (lead >= 0x80) {
      if ((lead & 0xE0) != 0xC0 || ++i == text.size()) return std::nullopt;
      code_point = (lead & 0x1F) << 6 | (text[i] & 0x3F);
    }
    if (code_point >= kEndCodePoint || kTables.byte[code_point] < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(kTables.byte[code_point]));
  }
  return bytes;
}

}  // namespace r1
