#include "pipeline/screen/escape.h"

#include <string>

#include "gtest/gtest.h"

namespace r1 {
namespace {

using std::string;

TEST(VisibleTextTest, PlainTextNewlinesAndTabsStay) {
  EXPECT_EQ(VisibleText("3+5=8\n\tno — 8×9 日本 😀"),
            "3+5=8\n\tno — 8×9 日本 😀");
}

TEST(VisibleTextTest, TerminalControlShowsAsText) {
  EXPECT_EQ(VisibleText("\x1b[2J\x1b]0;title\x07"),
            "\\u{001b}[2J\\u{001b}]0;title\\u{0007}");
  EXPECT_EQ(VisibleText("a\rb\bc\x7f"), "a\\u{000d}b\\u{0008}c\\u{007f}");
  EXPECT_EQ(VisibleText("\xc2\x9b"
                        "31m"),
            "\\u{009b}31m");  // C1 CSI
  EXPECT_EQ(VisibleText(string("\0x", 2)), "\\u{0000}x");
}

TEST(VisibleTextTest, BidiAndInvisibleCharactersShowAsText) {
  EXPECT_EQ(VisibleText("\u202Eabc\u202C"), "\\u{202e}abc\\u{202c}");
  EXPECT_EQ(VisibleText("\u2066\u2069\u200f\u061c"),
            "\\u{2066}\\u{2069}\\u{200f}\\u{061c}");
  EXPECT_EQ(VisibleText("a\u200bb\ufeff"), "a\\u{200b}b\\u{feff}");
  EXPECT_EQ(VisibleText("\u2028\u2029"), "\\u{2028}\\u{2029}");
  EXPECT_EQ(VisibleText("\U000E0041"), "\\u{e0041}");
}

TEST(VisibleTextTest, BytesThatAreNoUtf8ShowAsHex) {
  EXPECT_EQ(VisibleText("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(VisibleText("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(VisibleText("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(VisibleText("\xe2\x82"), "\\xe2\\x82");           // cut short
  EXPECT_EQ(VisibleText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(VisibleTextTest, EveryByteStringComesOutClean) {
  // All strings of two bytes: the result holds no control byte and is stable.
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const string text = {static_cast<char>(a), static_cast<char>(b)};
      const string visible = VisibleText(text);
      for (const char c : visible) {
        const auto byte = static_cast<unsigned char>(c);
        EXPECT_TRUE(byte >= 0x20 || c == '\n' || c == '\t') << a << " " << b;
        EXPECT_NE(byte, 0x7f);
      }
      EXPECT_EQ(VisibleText(visible), visible);
    }
  }
}

TEST(VisibleLineTest, StaysOnOneLine) {
  EXPECT_EQ(VisibleLine("a\nb\tc"), "a\\nb c");
}

TEST(HtmlTextTest, MarkupBecomesText) {
  EXPECT_EQ(HtmlText("<script>alert('x' & \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)"
            "&lt;/script&gt;");
}

TEST(JsonForScriptTest, NothingCanEndTheScript) {
  EXPECT_EQ(JsonForScript(R"({"a":"</script><!--"})"),
            R"({"a":"\u003c/script>\u003c!--"})");
  EXPECT_EQ(JsonForScript("\"\u2028\u2029\""), "\"\\u2028\\u2029\"");
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);  // combining acute
  EXPECT_EQ(DisplayWidth("▁█…"), 3);
}

TEST(TruncateToWidthTest, FitsAndMarksTheCut) {
  EXPECT_EQ(TruncateToWidth("hello", 5), "hello");
  EXPECT_EQ(TruncateToWidth("hello!", 5), "hell…");
  EXPECT_EQ(TruncateToWidth("日本語", 4), "日…");  // 2 + 1 of 4 columns
  EXPECT_EQ(TruncateToWidth("hello", 0), "");
}

}  // namespace
}  // namespace r1
