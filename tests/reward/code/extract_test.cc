#include "reward/code/extract.h"

#include <string>

#include "gtest/gtest.h"

namespace r1 {
namespace {

std::string Python(absl::string_view completion) {
  return std::string(ExtractCode(completion, ProgramLanguage::kPython).code);
}

TEST(ExtractCodeTest, TakesTheLastBlock) {
  EXPECT_EQ(Python("a\n```python\nx = 1\n```\nb\n```python\nx = 2\n```\n"),
            "x = 2\n");
  EXPECT_EQ(Python("```\nx = 1\n```"), "x = 1\n");
  EXPECT_EQ(Python("```python\r\nx\r\n```\r\n"), "x\r\n");
  EXPECT_EQ(Python("text\n  ```py\n  x\n  ```"), "  x\n");
}

TEST(ExtractCodeTest, ABlockOfTheLanguageGoesBeforeOthers) {
  EXPECT_EQ(Python("```python\nx\n```\nIt prints\n```\n7\n```\n"), "x\n");
  EXPECT_EQ(Python("```cpp\nint x;\n```\n```text\n7\n```\n"), "7\n");
  EXPECT_EQ(
      ExtractCode("```C++\nint x;\n```\n```\n7\n```", ProgramLanguage::kCpp)
          .code,
      "int x;\n");
}

TEST(ExtractCodeTest, ReasoningHoldsNoProgram) {
  EXPECT_EQ(Python("<think>```python\na\n```</think>\n```python\nb\n```"),
            "b\n");
  EXPECT_EQ(Python("<think>\n```python\na\n```\n"), "");
  EXPECT_EQ(Python("<think>\n```python\na\n```\n</think>\n"), "");
  EXPECT_EQ(Python("<think>x</think>print(1)"), "print(1)");
}

TEST(ExtractCodeTest, ABlockWithoutEndIsNone) {
  const ExtractedCode cut =
      ExtractCode("```python\nx = 1", ProgramLanguage::kPython);
  EXPECT_EQ(cut.code, "");
  EXPECT_STREQ(cut.problem, "a code block that is not closed");
  EXPECT_EQ(Python("```python\nx = 1\n```\nand\n```python\nx ="), "x = 1\n");
}

TEST(ExtractCodeTest, TextWithoutBlocksIsAProgram) {
  EXPECT_EQ(Python("def f():\n    return 1\n"), "def f():\n    return 1\n");
  EXPECT_STREQ(ExtractCode(" \n ", ProgramLanguage::kPython).problem,
               "no program");
}

TEST(ExtractCodeTest, EmptyBlocksAreEmpty) {
  EXPECT_EQ(Python("```\n```"), "");
  EXPECT_EQ(Python("```"), "");
  EXPECT_EQ(Python("``````"), "");
}

TEST(ExtractCodeTest, TenMegabytesOfAnythingAreReadInLinearTime) {
  for (const char* unit : {"```\n", "```", "`", "\n", "<think>", "</think>",
                           "```python\nx\n```\n", "<think></think>```\n"}) {
    std::string huge;
    while (huge.size() < 10 << 20) huge += unit;
    // Quadratic time would be hours.
    EXPECT_LE(Python(huge).size(), huge.size());
  }
}

}  // namespace
}  // namespace r1
