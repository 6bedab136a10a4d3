#include "reward/code/extract.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

std::string Python(absl::string_view completion) {
  return ExtractCode(completion, ProgramLanguage::kPython).code;
}

TEST(ExtractCodeTest, TakesTheLastBlock) {
  EXPECT_EQ(Python("a\n```python\nx = 1\n```\nb\n```python\nx = 2\n```\n"),
            "x = 2\n");
  EXPECT_EQ(Python("```\nx = 1\n```"), "x = 1\n");
  EXPECT_EQ(Python("```python\r\nx\r\n```\r\n"), "x\r\n");
  EXPECT_EQ(Python("text\n  ```py\n  x\n  ```"), "x\n");
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

constexpr char kProgram[] =
    "def f(x):\n    if x:\n        return 1\n    return 2\n";

// The program with `prefix` in front of every line.
std::string Prefixed(const std::string& prefix) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(kProgram, '\n')) {
    if (!line.empty()) absl::StrAppend(&out, prefix, line, "\n");
  }
  return out;
}

TEST(ExtractCodeTest, AnswerTagsHoldPrograms) {
  const std::string program = kProgram;
  const std::string fenced = "```python\n" + program + "```";
  for (const std::string& completion :
       {"<think>a</think> <answer>" + fenced + "</answer>",
        "<think>a</think>\n<answer>\n" + fenced + "\n</answer>",
        "<think>a</think><answer>So:\n\n" + fenced + "\nDone.</answer>",
        "<answer>```\n" + program + "```</answer>", "<answer>" + fenced,
        fenced + "\n<answer>The program above</answer>",
        "<answer>x</answer> no:\n<answer>" + fenced + "</answer>",
        "```python\ndraft()\n```\n<answer>" + fenced + "</answer>"}) {
    EXPECT_EQ(Python(completion), program) << completion;
  }
  for (const char* inside : {"", "\n", "\n\n"}) {
    const std::string completion = absl::StrCat(
        "<think>a</think> <answer>", inside, program, inside, "</answer>");
    EXPECT_EQ(Python(completion), absl::StrCat(inside, program, inside));
  }
  EXPECT_EQ(Python("<answer>print(1)</answer>"), "print(1)");
  EXPECT_EQ(Python("<answer> print(1)</answer>"), "print(1)");
  EXPECT_EQ(Python("<answer>\n  x = 1\n  y = 2\n</answer>"),
            "\nx = 1\ny = 2\n");
  EXPECT_EQ(Python("print('<answer>7</answer>')"),
            "print('<answer>7</answer>')");
  const std::string printing = "print('x')\n# <answer>\nprint('</answer>')\n";
  EXPECT_EQ(Python("```python\n" + printing + "```"), printing);
  EXPECT_EQ(Python("<answer></answer>"), "");
}

TEST(ExtractCodeTest, SurroundingsAreNotTheProgram) {
  for (const char* prefix : {"", " ", "  ", "   ", "    ", "\t", "> ", ">"}) {
    const std::string completion =
        absl::StrCat("So:\n\n", prefix, "```python\n", Prefixed(prefix), prefix,
                     "```\n\nDone.");
    EXPECT_EQ(Python(completion), kProgram) << completion;
  }
  EXPECT_EQ(Python("1. So:\n   ```python\n   x = 1\n   y = 2\n   ```\n"),
            "x = 1\ny = 2\n");
  EXPECT_EQ(Python("- ```python\n  x = 1\n  ```\n"), "x = 1\n");
  EXPECT_EQ(Python("12. ```python\n    x = 1\n    ```\n"), "x = 1\n");
  EXPECT_EQ(Python("```python\n    x = 1\n    y = 2\n```"), "x = 1\ny = 2\n");
  // Less indented than its fence, as models write it.
  EXPECT_EQ(Python("  ```python\nx = 1\nif x:\n  y = 2\n  ```"),
            "x = 1\nif x:\ny = 2\n");
}

TEST(ExtractCodeTest, FencesOfEveryKind) {
  const std::string program = kProgram;
  for (const std::string& completion :
       {"~~~python\n" + program + "~~~", "~~~\n" + program + "~~~~\nDone.",
        "````python\n" + program + "````",
        "Here: ```python\n" + program + "```",
        "Here it is:```py\n" + program + "```\nDone.",
        "```Python3\n" + program + "```", "```python3.11\n" + program + "```",
        "```{.python}\n" + program + "```", "``` python\n" + program + "```",
        "```python title=\"a.py\"\n" + program + "```",
        "```python\n" + program + "```<|im_end|>",
        "```python\n" + program + "``` ", "```python\n" + program + "````",
        "Use ```f``` so:\n```python\n" + program + "```",
        "```python\nx =\n\n```python\n" + program + "```"}) {
    EXPECT_EQ(Python(completion), program) << completion;
  }
  EXPECT_EQ(Python("```python\nprint(1)```"), "print(1)\n");
  EXPECT_EQ(Python("```python\nx = 1\nprint(x)```\nIt prints 1."),
            "x = 1\nprint(x)\n");
  EXPECT_EQ(Python("```print(1)```"), "print(1)");
  EXPECT_EQ(Python("```python print(1)```"), "print(1)");
}

TEST(ExtractCodeTest, FencesInsideStringsAndCommentsAreText) {
  for (const char* program :
       {"def f():\n    \"\"\"Doubles.\n\n    ```\n    f(2)\n    ```\n    "
        "\"\"\"\n    return 1\n",
        "\"\"\"Module.\n```\nf(2)\n```\n\"\"\"\nx = 1\n",
        "\"\"\"Module.\n```python\nf(2)\n```\n\"\"\"\nx = 1\n",
        "s = '''\n```\n'''\nx = 1\n",
        "s = \"it's\"\nd = '''\n```\n'''\nx = 1\n",
        "# it's\nd = '''\n```\n'''\nx = 1\n",
        "s = '\\''\nd = \"\"\"\n~~~\n```\n\"\"\"\nx = 1\n"}) {
    EXPECT_EQ(Python(absl::StrCat("```python\n", program, "```\nDone.")),
              program);
    EXPECT_EQ(
        Python(absl::StrCat("<answer>```python\n", program, "```</answer>")),
        program);
  }
  const std::string cpp = "/* So:\n```\nx\n```\n*/\nint main() {}\n";
  EXPECT_EQ(ExtractCode("```cpp\n" + cpp + "```", ProgramLanguage::kCpp).code,
            cpp);
  // A string that never ends hides no fence.
  EXPECT_EQ(Python("```python\nx = \"\"\"\n```\nDone."), "x = \"\"\"\n");
}

TEST(ExtractCodeTest, TheBlockThatDefinesTheEntryPointGoesFirst) {
  const auto python = [](absl::string_view completion, const char* name) {
    return ExtractCode(completion, ProgramLanguage::kPython, name).code;
  };
  const std::string completion =
      "```python\ndef f(x):\n    return x\n```\nUsage:\n"
      "```python\nprint(f(1))\n```\n";
  EXPECT_EQ(python(completion, "f"), "def f(x):\n    return x\n");
  EXPECT_EQ(python(completion, "print"), "print(f(1))\n");
  EXPECT_EQ(python(completion, ""), "print(f(1))\n");
  EXPECT_EQ(
      python("```python\ndef f2(x): pass\n```\n```python\nf = abs\n```", "f"),
      "f = abs\n");
}

TEST(ExtractCodeTest, ABlockWithoutEndIsNone) {
  const ExtractedCode cut =
      ExtractCode("```python\nx = 1", ProgramLanguage::kPython);
  EXPECT_EQ(cut.code, "");
  EXPECT_EQ(Python("```python\nx = 1\n~~~\n"), "");
  EXPECT_EQ(Python("~~~python\nx = 1\n```\n"), "");
  EXPECT_EQ(Python("````python\nx = 1\n```\n"), "");
  EXPECT_EQ(Python("> ```python\n> x = 1\n\nprint(1)"), "");
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

TEST(ExtractCodeTest, AMegabyteOfAnythingIsReadInLinearTime) {
  for (const char* unit :
       {"```\n", "```", "`", "\n", "<think>", "</think>", "```python\nx\n```\n",
        "<think></think>```\n", "~~~\n", "<answer>", "<answer>```\n",
        "```\n\\'''\n```\n", "```\n'''\n\"\"\"\n```\n", "> ```\n", "> ```\nx\n",
        "```py\n", "```py\nx = '''\n"}) {
    std::string huge;
    while (huge.size() < 1 << 20) huge += unit;
    // Quadratic time would end the test by its limit.
    EXPECT_LE(Python(huge).size(), huge.size());
  }
}

}  // namespace
}  // namespace r1
