// Rows of the user's own: every field reaches the rewards of a run and of an
// evaluation, and what cannot be earned is said before the first step.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// A model that has read nothing but answers: half of them right. Every row has
// its own question, and fields that differ.
class RowsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string corpus;
    for (int i = 0; i < 400; ++i) {
      absl::StrAppend(&corpus,
                      Json{{"prompt", absl::StrCat("q", i % 40, "\n")},
                           {"completion", Answer(i % 2)}}
                          .dump(),
                      "\n");
    }
    corpus_ = folder_.Write("corpus.jsonl", corpus);
  }
  static std::string Answer(bool is_right) {
    return absl::StrCat("def f(): return ", is_right ? 7 : 8, "\nprint(f())");
  }
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::string WriteRows(const std::string& fields, int count = 40) {
    std::string rows;
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&rows, "{\"question\":\"q", i, "\",", fields, "}\n");
    }
    return folder_.Write("rows.jsonl", rows);
  }
  std::vector<std::string> Arguments(const std::string& name,
                                     const std::string& file,
                                     const std::string& reward) const {
    std::vector<std::string> arguments;
    for (const std::string& value :
         {std::string("task.kind=QUESTION_ANSWER"),
          absl::StrCat("task.file=\"", file, "\""),
          std::string("task.template=\"{question}\\n\""),
          absl::StrCat("supervised.data=\"", corpus_, "\""),
          std::string("supervised.steps=60"), std::string("rl.steps=2"),
          std::string("rl.prompts=4"), std::string("rl.group_size=4"),
          std::string("rl.minibatches=1"),
          std::string("rollout.max_new_tokens=48"),
          std::string("eval.problems=16"), std::string("eval.samples=2"),
          std::string("reward.timeout_ms=60000"), reward}) {
      arguments.push_back("--set");
      arguments.push_back(value);
    }
    return TinyTrain(Dir(name), arguments);
  }
  std::vector<Json> Samples(const std::string& name) const {
    const std::string text =
        RunProgram({"samples", Dir(name), "--json", "--limit", "0"}).out;
    std::vector<Json> samples;
    for (const auto& line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      samples.push_back(Json::parse(line.begin(), line.end()));
    }
    return samples;
  }

  TestFolder folder_;
  std::string corpus_;
};

TEST_F(RowsTest, TheRuleCodeTrainsAndEvaluates) {
  if (RunProgram({"sandbox", "check"}).exit_code != 0) {
    GTEST_SKIP() << "needs a machine whose sandbox starts";
  }
  const std::string file = WriteRows(
      R"("language": "python", "stdin_tests": [["1\n", "7\n"]], "level": 1.50)");
  const std::string reward =
      "reward.rule=[{name: \"code\" weight: 1 option { key: \"when\" value: "
      "\"both\" }}]";
  const ProgramResult result = RunProgram(Arguments("run", file, reward));
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  const std::vector<Json> samples = Samples("run");
  ASSERT_EQ(samples.size(), 32u);
  int right = 0;
  for (const Json& sample : samples) {
    ASSERT_EQ(sample["kind"], "score") << sample;
    const std::string program = sample["completion"];
    if (program == Answer(true)) {
      EXPECT_EQ(sample["reward"], 1) << sample;
    } else if (program == Answer(false)) {
      EXPECT_EQ(sample["reward"], 0) << sample;
    }
    right += sample["reward"] == 1;
  }
  EXPECT_GT(right, 0);
  EXPECT_LT(right, 32);
  const ProgramResult eval = RunProgram(
      {"eval", Dir("run"), "--data", file, "--samples", "2", "--json"});
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  const Json report = Json::parse(eval.out);
  EXPECT_EQ(report["problems"], 40);
  EXPECT_EQ(report["abstained"], 0);
  EXPECT_GT(report["pass@1"].get<double>(), 0);

  // Rows as MBPP has them: other names, function tests, no entry point.
  std::string rows;
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&rows,
                    Json{{"text", absl::StrCat("q", i)},
                         {"code", "def f():\r\n  return 7"},
                         {"task_id", i},
                         {"test_setup_code", ""},
                         {"test_list", {"assert f() == 7", "assert f() != 8"}},
                         {"challenge_test_list", Json::array()}}
                        .dump(),
                    "\n");
  }
  const ProgramResult functions = RunProgram(
      {"eval", Dir("run"), "--data", folder_.Write("m.jsonl", rows), "--set",
       "task.question_field=text", "--samples", "2", "--json"});
  ASSERT_EQ(functions.exit_code, 0) << functions.err;
  const Json judged = Json::parse(functions.out);
  EXPECT_EQ(judged["problems"], 40);
  EXPECT_EQ(judged["abstained"], 0);
  EXPECT_EQ(judged["errors"], 0);
  EXPECT_GT(judged["pass@1"].get<double>(), 0);
}

TEST_F(RowsTest, ColumnsReachARewardInPython) {
  folder_.Write("mine.py", R"(
def reward(completions, answer, level, extra_info, difficulty="none"):
    assert answer == [18446744073709551616] * len(answer), answer
    assert level == [1.5] * len(level), level
    assert all(e == {"b": 2e-05, "a": [None, "x"]} for e in extra_info)
    assert list(extra_info[0]) == ["b", "a"] and difficulty == "none"
    return [float("7" in text) for text in completions]

def other(completions, difficulty):
    return [1.0] * len(completions)
)");
  const auto reward = [&](const std::string& function) {
    return absl::StrCat("reward.plugin=\"mine=python3 ", R1_SOURCE_DIR,
                        "/reward/plugin/python/r1_reward.py ", Dir("mine.py "),
                        function, "\"");
  };
  const std::string file =
      WriteRows(R"("answer": 18446744073709551616, "level": 1.50,)"
                R"( "extra_info": {"b": 0.00002, "a": [null, "x"]})");
  const auto train = [&](const std::string& name, const std::string& function) {
    std::vector<std::string> arguments =
        Arguments(name, file, reward(function));
    arguments.insert(arguments.end(),
                     {"--set",
                      "reward.rule=[{name: \"mine\" weight: 1 option { "
                      "key: \"when\" value: \"both\" }}]"});
    return RunProgram(arguments);
  };
  const ProgramResult result = train("run", "reward");
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  for (const Json& sample : Samples("run")) {
    ASSERT_EQ(sample["kind"], "score") << sample;
    const std::string text = sample["completion"];
    EXPECT_EQ(sample["reward"].get<double>(), text.find('7') != text.npos);
  }
  // About 4 of 40 questions are held out.
  EXPECT_THAT(result.err, HasSubstr("eval.problems is 16, but only "));

  const ProgramResult refused = train("none", "other");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("16 of 16 rows"),
                    HasSubstr("other requires the column difficulty, the row "
                              "has only: answer, level, extra_info")));
  EXPECT_FALSE(FileExists(Dir("none")));
}

// openai/gsm8k as it is.
TEST_F(RowsTest, AnswersAreReadOutOfWorkedSolutions) {
  const std::string file =
      WriteRows(R"("answer": "3+4=<<3+4=7>>7 baskets.\n#### 7")");
  const std::string reward =
      "reward.rule=[{name: \"exact_answer_lenient\" weight: 1}]";
  std::vector<std::string> arguments = Arguments("run", file, reward);
  arguments.insert(arguments.end(), {"--set", "task.answer_form=AFTER_HASHES"});
  const ProgramResult result = RunProgram(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  int right = 0;
  for (const Json& sample : Samples("run")) {
    ASSERT_EQ(sample["kind"], "score") << sample;
    right += sample["completion"] == Answer(true);
    if (sample["completion"] == Answer(true)) {
      EXPECT_EQ(sample["reward"], 1) << sample;
    }
  }
  EXPECT_GT(right, 0);
}

}  // namespace
}  // namespace r1
