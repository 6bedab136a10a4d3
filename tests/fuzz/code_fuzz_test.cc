// The seeds and deterministic mutations of them, without libFuzzer.
#include "tests/fuzz/code_fuzz.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fuzz/mutations.h"

namespace r1 {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
}

TEST(CodeFuzzTest, CorpusAndMutationsHold) {
  const std::vector<std::string> seeds = SeedsIn("tests/fuzz/corpus/code");
  ASSERT_GE(seeds.size(), 8u);
  const std::vector<std::string> pieces = {
      "```",      "~~~",       "````",     "```python\n",
      "\n",       ">",         "> ",       "    ",
      "\t",       "'''",       "\"\"\"",   "'",
      "\"",       "\\",        "#",        "//",
      "/*",       "*/",        "<think>",  "</think>",
      "<answer>", "</answer>", "def f():", "- ",
      "1. ",      "\r\n",      "\xFF",     std::string(1, '\0')};
  RunMutations(seeds, pieces, 5000, RunInput);
}

}  // namespace
}  // namespace r1
