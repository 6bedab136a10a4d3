// The seeds and deterministic mutations of them, without libFuzzer.
#include "tests/fuzz/rows_fuzz.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"

namespace r1 {
namespace {

std::vector<std::string> Corpus() {
  const std::string folder = R1_SOURCE_DIR "/tests/fuzz/corpus/rows";
  const auto names = ListDirectory(folder);
  EXPECT_TRUE(names.ok()) << names.status();
  std::vector<std::string> inputs;
  for (const std::string& name : *names) {
    inputs.push_back(*ReadFile(absl::StrCat(folder, "/", name)));
  }
  return inputs;
}

TEST(RowsFuzzTest, CorpusAndMutationsHold) {
  const std::vector<std::string> corpus = Corpus();
  ASSERT_EQ(corpus.size(), 8u);
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
  RandomSequence random(5, RandomStream::kData, 0, 0);
  for (const std::string& input : corpus) {
    for (int i = 0; i < 600; ++i) {
      std::string mutated = input;
      const uint32_t num_edits = i == 0 ? 0 : 1 + random.NextBelow(6);
      for (uint32_t edit = 0; edit < num_edits; ++edit) {
        const size_t at = random.NextBelow(mutated.size() + 1);
        if (random.NextBelow(2) == 0) {
          mutated.insert(at, pieces[random.NextBelow(pieces.size())]);
        } else {
          mutated.erase(at, 1 + random.NextBelow(4));
        }
      }
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(mutated.data()),
                             mutated.size());
    }
  }
}

}  // namespace
}  // namespace r1
