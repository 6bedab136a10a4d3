// The golden templates and deterministic mutations of them, without libFuzzer.
#include "tests/fuzz/jinja_fuzz.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

std::vector<std::string> Corpus() {
  const std::string folder = R1_SOURCE_DIR "/tests/model/golden/chat/";
  std::vector<std::string> inputs;
  const auto cases = ReadFile(folder + "cases.json");
  EXPECT_TRUE(cases.ok()) << cases.status();
  const auto golden = nlohmann::json::parse(*cases);
  for (const auto& c : golden["cases"]) {
    inputs.push_back(c["template"].get<std::string>());
  }
  const auto names = ListDirectory(folder + "templates");
  EXPECT_TRUE(names.ok()) << names.status();
  for (const std::string& name : *names) {
    inputs.push_back(*ReadFile(absl::StrCat(folder, "templates/", name)));
  }
  return inputs;
}

TEST(JinjaFuzzTest, CorpusAndMutationsHold) {
  const std::vector<std::string> corpus = Corpus();
  ASSERT_GT(corpus.size(), 200u);
  const std::vector<std::string> pieces = {
      "{%",
      "%}",
      "{{",
      "}}",
      "{#",
      "#}",
      "-",
      "{% if ",
      "{% for x in messages %}",
      "{% endfor %}",
      "{% endif %}",
      "{% set ns = namespace() %}",
      "ns.x = ns",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      ".",
      "|",
      "|tojson",
      "|join",
      "~",
      "+",
      "*",
      "**",
      "9999999999",
      "-1",
      "::-1",
      "'",
      "\"",
      "\\",
      "\n",
      "messages",
      "loop",
      "range(99999)",
      "{% macro m() %}{{ m() }}{% endmacro %}",
      "is ",
      "not ",
      "in ",
      "\xFF",
      "数",
      "if x else ",
      ".split('a')",
      "[0]",
      "=",
      ",",
      ":",
      "|replace('','xx')"};
  RandomSequence random(5, RandomStream::kData, 0, 0);
  for (const std::string& input : corpus) {
    for (int i = 0; i < 40; ++i) {
      std::string mutated = input;
      const uint32_t num_edits = i == 0 ? 0 : 1 + random.NextBelow(6);
      for (uint32_t edit = 0; edit < num_edits; ++edit) {
        const size_t at = random.NextBelow(mutated.size() + 1);
        switch (random.NextBelow(3)) {
          case 0:
            mutated.insert(at, pieces[random.NextBelow(pieces.size())]);
            break;
          case 1:
            mutated.erase(at, 1 + random.NextBelow(4));
            break;
          default: {
            const std::string& other = corpus[random.NextBelow(corpus.size())];
            mutated.insert(at, other.substr(random.NextBelow(other.size())));
          }
        }
      }
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(mutated.data()),
                             mutated.size());
    }
  }
}

}  // namespace
}  // namespace r1
