// The corpus and deterministic mutations of it, without libFuzzer.
#include "tests/fuzz/code_fuzz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/philox.h"

namespace r1 {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
}

TEST(CodeFuzzTest, CorpusAndMutationsHold) {
  std::vector<std::string> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(
           R1_SOURCE_DIR "/tests/fuzz/corpus/code")) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  std::sort(corpus.begin(), corpus.end());
  ASSERT_GE(corpus.size(), 8u);
  for (const std::string& input : corpus) RunInput(input);
  const std::vector<std::string> pieces = {
      "```",      "~~~",       "````",     "```python\n",
      "\n",       ">",         "> ",       "    ",
      "\t",       "'''",       "\"\"\"",   "'",
      "\"",       "\\",        "#",        "//",
      "/*",       "*/",        "<think>",  "</think>",
      "<answer>", "</answer>", "def f():", "- ",
      "1. ",      "\r\n",      "\xFF",     std::string(1, '\0')};
  RandomSequence random(6, RandomStream::kData, 0, 0);
  for (int i = 0; i < 50000; ++i) {
    std::string input = corpus[random.NextBelow(corpus.size())];
    const uint32_t num_edits = 1 + random.NextBelow(8);
    for (uint32_t edit = 0; edit < num_edits; ++edit) {
      const size_t at = random.NextBelow(input.size() + 1);
      if (random.NextBelow(3) > 0) {
        input.insert(at, pieces[random.NextBelow(pieces.size())]);
      } else {
        input.erase(at, 1 + random.NextBelow(6));
      }
    }
    RunInput(input);
  }
}

}  // namespace
}  // namespace r1
