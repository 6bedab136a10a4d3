// The golden templates and deterministic mutations of them, without libFuzzer.
#include "tests/fuzz/jinja_fuzz.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/fuzz/mutations.h"

namespace r1 {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
}

TEST(JinjaFuzzTest, CorpusAndMutationsHold) {
  const std::string folder = "tests/model/golden/chat";
  std::vector<std::string> seeds = SeedsIn(folder + "/templates");
  const auto cases =
      ReadFile(absl::StrCat(R1_SOURCE_DIR, "/", folder, "/cases.json"));
  ASSERT_TRUE(cases.ok()) << cases.status();
  const auto golden = nlohmann::json::parse(*cases);
  for (const auto& c : golden["cases"]) {
    seeds.push_back(c["template"].get<std::string>());
  }
  ASSERT_GT(seeds.size(), 200u);
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
  RunMutations(seeds, pieces, 40, RunInput);
}

}  // namespace
}  // namespace r1
