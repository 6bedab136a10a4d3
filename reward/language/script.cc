#include "reward/language/script.h"

#include <algorithm>
#include <iterator>

namespace r1 {
namespace {

struct Range {
  int32_t first, last;
  Script script;
};

// Sorted.
constexpr Range kRanges[] = {
    {0x0041, 0x024F, Script::kLatin},    {0x0250, 0x02AF, Script::kLatin},
    {0x0370, 0x03FF, Script::kGreek},    {0x0400, 0x052F, Script::kCyrillic},
    {0x0591, 0x05F4, Script::kHebrew},   {0x0600, 0x077F, Script::kArabic},
    {0x08A0, 0x08FF, Script::kArabic},   {0x0900, 0x097F, Script::kDevanagari},
    {0x0E01, 0x0E5B, Script::kThai},     {0x1100, 0x11FF, Script::kHangul},
    {0x1C80, 0x1C8F, Script::kCyrillic}, {0x1E00, 0x1EFF, Script::kLatin},
    {0x1F00, 0x1FFF, Script::kGreek},    {0x2C60, 0x2C7F, Script::kLatin},
    {0x2DE0, 0x2DFF, Script::kCyrillic}, {0x2E80, 0x2FD5, Script::kHan},
    {0x3005, 0x3007, Script::kHan},      {0x3041, 0x30FF, Script::kKana},
    {0x3131, 0x318E, Script::kHangul},   {0x31F0, 0x31FF, Script::kKana},
    {0x3400, 0x4DBF, Script::kHan},      {0x4E00, 0x9FFF, Script::kHan},
    {0xA640, 0xA69F, Script::kCyrillic}, {0xA720, 0xA7FF, Script::kLatin},
    {0xA960, 0xA97C, Script::kHangul},   {0xAC00, 0xD7FB, Script::kHangul},
    {0xF900, 0xFAD9, Script::kHan},      {0xFB1D, 0xFB4F, Script::kHebrew},
    {0xFB50, 0xFDFF, Script::kArabic},   {0xFE70, 0xFEFC, Script::kArabic},
    {0xFF21, 0xFF5A, Script::kLatin},    {0xFF66, 0xFF9D, Script::kKana},
    {0x1B000, 0x1B16F, Script::kKana},   {0x20000, 0x323AF, Script::kHan},
};

}  // namespace

Script ScriptOf(int32_t code_point) {
  const Range* after = std::upper_bound(
      std::begin(kRanges), std::end(kRanges), code_point,
      [](int32_t value, const Range& range) { return value < range.first; });
  if (after == std::begin(kRanges)) return Script::kOther;
  const Range& range = *std::prev(after);
  return code_point <= range.last ? range.script : Script::kOther;
}

}  // namespace r1
