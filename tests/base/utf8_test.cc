#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace r1 {
namespace {

// The bytes of a code point, or of what would be one, written out by the
// definition of UTF-8 in `length` bytes.
std::string Encode(uint32_t code, int length) {
  if (length == 1) return std::string(1, static_cast<char>(code));
  std::string bytes(length, 0);
  for (int i = length - 1; i > 0; --i, code >>= 6) {
    bytes[i] = static_cast<char>(0x80 | (code & 0x3F));
  }
  const int lead = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0;
  bytes[0] = static_cast<char>(lead | code);
  return bytes;
}

TEST(Utf8Test, ABrokenByteIsAReplacementOfOneByte) {
  for (const char* text : {"\x80", "\xC3", "\xED\xA0\x80", "\xF5xxx"}) {
    size_t length = 0;
    EXPECT_EQ(FirstCodePoint(text, &length), 0xFFFD);
    EXPECT_EQ(length, 1);
  }
}

TEST(Utf8Test, EveryCodePointInItsShortestFormAndNoOther) {
  for (uint32_t code = 0; code < 0x200000; ++code) {
    const bool is_character =
        code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
    const int shortest = code < 0x80      ? 1
                         : code < 0x800   ? 2
                         : code < 0x10000 ? 3
                                          : 4;
    for (int length = shortest; length <= 4; ++length) {
      const size_t expected = is_character && length == shortest ? shortest : 0;
      ASSERT_EQ(Utf8CharacterLength(Encode(code, length) + "x"), expected)
          << std::hex << code << " in " << length << " bytes";
    }
    if (!is_character) continue;
    std::string appended = "x";
    AppendUtf8(code, &appended);
    ASSERT_EQ(appended, "x" + Encode(code, shortest)) << std::hex << code;
    size_t length = 0;
    ASSERT_EQ(FirstCodePoint(Encode(code, shortest) + "x", &length), code);
    ASSERT_EQ(length, shortest) << std::hex << code;
  }
}

TEST(Utf8Test, CutOrStrayBytesAreNoCharacter) {
  EXPECT_EQ(Utf8CharacterLength(""), 0);
  EXPECT_EQ(Utf8CharacterLength("\x80"), 0);
  EXPECT_EQ(Utf8CharacterLength("\xFF"), 0);
  EXPECT_EQ(Utf8CharacterLength("\xC3"), 0);
  EXPECT_EQ(Utf8CharacterLength("\xE2\x82"), 0);
  EXPECT_EQ(Utf8CharacterLength("\xF0\x9F\x98"), 0);
  EXPECT_EQ(Utf8CharacterLength("\xE2\x82x"), 0);
}

TEST(Utf8Test, TextIsValidIfEveryCharacterIs) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"));
  EXPECT_TRUE(IsUtf8(absl::string_view("a\0b", 3)));
  EXPECT_FALSE(IsUtf8("abc\xFF"));
  EXPECT_FALSE(IsUtf8("\xE2\x82\xAC\xE2\x82"));
}

TEST(Utf8Test, ToValidUtf8ReplacesExactlyWhatIsInvalid) {
  const std::string r = "\xEF\xBF\xBD";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"plain", "plain"},
      {"\xC3\xA4\xE2\x88\x92\xF0\x9F\x98\x80",
       "\xC3\xA4\xE2\x88\x92\xF0\x9F\x98\x80"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},  // U+10FFFF
      {"a\x80"
       "b",
       "a" + r + "b"},  // stray tail
      {"\xC3", r},      // cut short
      {"\xE2\x88", r + r},
      {"\xE2\x88"
       "a",
       r + r + "a"},
      {"\xC0\xAF", r + r},  // overlong "/"
      {"\xE0\x80\xAF", r + r + r},
      {"\xED\xA0\x80", r + r + r},          // surrogate
      {"\xF4\x90\x80\x80", r + r + r + r},  // above U+10FFFF
      {"\xFF", r},
      {std::string("\0", 1), std::string("\0", 1)},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(ToValidUtf8(text), expected);
    EXPECT_EQ(IsUtf8(text), text == expected);
    EXPECT_TRUE(IsUtf8(ToValidUtf8(text)));
  }
}

}  // namespace
}  // namespace r1
