// The seeds and deterministic mutations of them, without libFuzzer.
#include "tests/fuzz/rows_fuzz.h"

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

TEST(RowsFuzzTest, CorpusAndMutationsHold) {
  const std::vector<std::string> seeds = SeedsIn("tests/fuzz/corpus/rows");
  ASSERT_EQ(seeds.size(), 8u);
  const std::vector<std::string> pieces = {
      "{",
      "}",
      "[",
      "]",
      "\"",
      ":",
      ",",
      "\\",
      "\\u0000",
      "\\ud800",
      "\n",
      "\r",
      "null",
      "true",
      "-",
      "1e999",
      "0.1",
      "999999999999999999999",
      "\"nums\": [1]",
      "\"target\": 3",
      "\"answer\": ",
      "\"question\": \"q\"",
      "\"reward_model\": {",
      "\"messages\": [{\"role\": \"user\"}]",
      "####",
      "\\\\boxed{",
      "\xFF",
      "\xEF\xBB\xBF",
      "数",
      "//",
      std::string(1, 0),
      std::string(300, '['),
      "{\"question\": \"q\", \"answer\": \"a\"}\n"};
  RunMutations(seeds, pieces, 600, RunInput);
}

}  // namespace
}  // namespace r1
