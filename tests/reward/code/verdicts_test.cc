// Completions with the verdict that each must have, by kinds of programs, tests
// and data that public judges got wrong: right programs that must be paid,
// wrong ones that must not, and problems nobody can be judged by.
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "reward/code/code_rule.h"
#include "reward/sandbox/sandbox.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

// "1", "0", "abstain" as the table has them, or another kind by its name.
std::string Got(const RuleResult& result) {
  if (result.kind == REWARD_ABSTAIN) return "abstain";
  if (result.kind != REWARD_SCORE) return RewardKind_Name(result.kind);
  return absl::StrCat(result.value);
}

TEST(VerdictsTest, EveryCompletionHasItsVerdict) {
  if (!Sandbox::Start(SandboxOptions()).ok()) {
    GTEST_SKIP() << "needs a machine whose sandbox starts";
  }
  std::ifstream in(R1_SOURCE_DIR "/tests/reward/code/verdicts.jsonl");
  std::vector<Json> rows;
  for (std::string line; std::getline(in, line);) {
    rows.push_back(Json::parse(line));
  }
  ASSERT_GT(rows.size(), 250u);
  const CodeRule rule;
  std::vector<std::string> problems(rows.size());
  std::atomic<size_t> next = 0;
  const auto judge = [&] {
    for (size_t i = next++; i < rows.size(); i = next++) {
      const std::string want = rows[i]["want"].is_string()
                                   ? rows[i]["want"].get<std::string>()
                                   : rows[i]["want"].dump();
      const RuleResult result =
          rule.Score(MakeItem(rows[i]["completion"].get<std::string>(),
                              rows[i]["reference"].dump()),
                     RuleContext());
      if (Got(result) == want) continue;
      problems[i] =
          absl::StrCat(rows[i]["name"].get<std::string>(), ": expected ", want,
                       ", got ", Got(result), ": ", result.detail, "\n");
    }
  };
  // More than there are cores: some wait for their limits.
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(judge);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(absl::StrJoin(problems, ""), "");
}

// Equal input, equal output, byte for byte: where a program ends by itself
// while its tests wait, and where it prints what differs from run to run.
TEST(VerdictsTest, EqualInputHasEqualDetails) {
  if (!Sandbox::Start(SandboxOptions()).ok()) {
    GTEST_SKIP() << "needs a machine whose sandbox starts";
  }
  const CodeRule rule;
  const std::string function =
      R"j({"entry_point": "f", "test": "assert f(1) == 1"})j";
  const std::string stdin_test = R"j({"stdin_tests": [["1", "2"]]})j";
  const std::pair<const char*, std::string> rows[] = {
      {"def f(x: Listt): return x", function},
      {"import sys\nsys.exit(3)", function},
      {"import os\ndef f(x): os._exit(4)", function},
      {"def f(x): return object()", function},
      {"def f(x): raise Exception(object())", function},
      {"import os\ndef f(x): os.abort()", function},
      {"print(object())", stdin_test},
      {"import random\nprint(random.random(), {'a', 'b', 'c'})", stdin_test},
      {"raise Exception(object())", stdin_test},
  };
  for (const auto& [program, reference] : rows) {
    const RuleResult first =
        rule.Score(MakeItem(program, reference), RuleContext());
    EXPECT_EQ(first.value, 0) << program;
    for (int i = 0; i < 8; ++i) {
      const RuleResult again =
          rule.Score(MakeItem(program, reference), RuleContext());
      EXPECT_EQ(again.kind, first.kind) << program;
      EXPECT_EQ(again.detail, first.detail) << program;
    }
  }
}

}  // namespace
}  // namespace r1
