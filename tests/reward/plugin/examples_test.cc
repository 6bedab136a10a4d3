// The examples of reward/plugin/examples/, and the projects made from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "nlohmann/json.hpp"
#include "reward/core/json_lines.h"
#include "reward/plugin/new_project.h"
#include "reward/plugin/process_rule.h"
#include "tests/pipeline/test_folder.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kPlugin[] = R1_SOURCE_DIR "/reward/plugin/";

PluginSpec Command(const std::string& command) {
  return {"example", PluginCarrier::kCommand, command};
}

PluginSpec PythonFunction(const std::string& file_and_function) {
  return Command(absl::StrCat("python3 ", kPlugin, "python/r1_reward.py ",
                              kPlugin, "examples/", file_and_function));
}

RuleResult ScoreOrDie(const PluginSpec& spec, const RewardItem& item,
                      const RuleOptions& options = {}) {
  const auto rule = ProcessRule::Create(spec, options);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? ScoreOne(**rule, item) : RuleResult();
}

std::string ReadOrDie(const std::string& path) {
  const auto text = ReadFile(path);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

class SameAnswerTest : public ::testing::TestWithParam<PluginSpec> {};

TEST_P(SameAnswerTest, ItsCasesHaveTheirScores) {
  const auto rule = ProcessRule::Create(GetParam(), {});
  ASSERT_TRUE(rule.ok()) << rule.status();
  int count = 0;
  const std::string cases =
      ReadOrDie(absl::StrCat(kPlugin, "examples/cases.jsonl"));
  for (auto line : absl::StrSplit(cases, '\n', absl::SkipEmpty())) {
    const auto parsed = ParseItemLine(line);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    const RuleResult result = ScoreOne(**rule, parsed->item);
    const Json expect = Json::parse(std::string(line)).at("expect");
    if (expect.is_string()) {
      EXPECT_EQ(result.kind, REWARD_ABSTAIN) << line;
    } else {
      EXPECT_EQ(result.kind, REWARD_SCORE) << line << result.detail;
      EXPECT_EQ(result.value, expect.get<double>()) << line;
    }
    ++count;
  }
  EXPECT_EQ(count, 8);
}

TEST_P(SameAnswerTest, ItsOptionCounts) {
  const RewardItem item =
      MakeItem("<answer>is 7.20</answer>", R"({"answer": 7.20})");
  EXPECT_EQ(ScoreOrDie(GetParam(), item, {{"near", "0.25"}}).value, 0.25);
  EXPECT_THAT(
      ProcessRule::Create(GetParam(), {{"naer", "1"}}).status().ToString(),
      HasSubstr("unknown option \"naer\""));
}

INSTANTIATE_TEST_SUITE_P(
    Languages, SameAnswerTest,
    ::testing::Values(PluginSpec{"cpp", PluginCarrier::kLibrary,
                                 R1_SAME_ANSWER_PLUGIN},
                      PythonFunction("python/same_answer.py reward")),
    [](const auto& info) { return info.index == 0 ? "Cpp" : "Python"; });

TEST(ExamplesTest, TheVerlFunctionIsServed) {
  const PluginSpec spec = PythonFunction("verl_reward.py compute_score");
  const std::string reference = R"({"answer": "72"})";
  EXPECT_EQ(ScoreOrDie(spec, MakeItem("70 + 2 = 72.0", reference)).value, 1);
  const RuleResult wrong = ScoreOrDie(spec, MakeItem("72 or 7", reference));
  EXPECT_EQ(wrong.value, 0);
  EXPECT_EQ(wrong.detail, "found: 7");
}

TEST(ExamplesTest, ThePlainLinesAreServed) {
  const PluginSpec spec =
      Command(absl::StrCat("python3 ", kPlugin, "examples/lines_reward.py"));
  EXPECT_EQ(ScoreOrDie(spec, MakeItem("a b ")).value, 0.5);
  EXPECT_EQ(ScoreOrDie(spec, MakeItem(""), {{"empty", "0.25"}}).value, 0.25);
  EXPECT_THAT(ProcessRule::Create(spec, {{"n", "1"}}).status().ToString(),
              HasSubstr("unknown option \"n\""));
}

// The README's examples are whole files.
class ReadmeTest : public ::testing::Test {
 protected:
  // Writes the n-th block of a language to a file.
  std::string Write(const std::string& language, size_t n,
                    const std::string& file) {
    const std::string text = ReadOrDie(absl::StrCat(kPlugin, "README.md"));
    const std::vector<std::string> blocks =
        absl::StrSplit(text, absl::StrCat("\n```", language, "\n"));
    if (blocks.size() <= n) return "";
    const std::string block = blocks[n].substr(0, blocks[n].find("\n```") + 1);
    return folder_.Write(file, block);
  }

  TestFolder folder_;
};

TEST_F(ReadmeTest, TheLibraryIsBuiltByHand) {
  const std::string source = Write("cpp", 1, "same_answer.cc");
  const PluginSpec spec = {"readme", PluginCarrier::kLibrary,
                           folder_.path() + "/libsame_answer.so"};
  const std::string build =
      absl::StrCat("g++ -std=c++17 -O2 -shared -fPIC -I ", kPlugin, "include ",
                   source, " -o ", spec.target);
  ASSERT_EQ(std::system(build.c_str()), 0);
  EXPECT_EQ(ScoreOrDie(spec, MakeItem("is 42", R"({"answer": "42"})"),
                       {{"near", "0.25"}})
                .value,
            0.25);
}

TEST_F(ReadmeTest, TheFunctionsAreServed) {
  const std::string adapter =
      absl::StrCat("python3 ", kPlugin, "python/r1_reward.py ",
                   Write("python", 1, "mine.py"));
  const PluginSpec trl = Command(adapter + " reward");
  const std::string reference = R"({"answer": "72"})";
  EXPECT_EQ(ScoreOrDie(trl, MakeItem("it is 72", reference)).value, 1);
  EXPECT_EQ(ScoreOrDie(trl, MakeItem("I say it is 72", reference)).value, 0);
  EXPECT_EQ(ScoreOrDie(trl, MakeItem("72", "{}")).kind, REWARD_ERROR);
  const PluginSpec verl = Command(adapter + " compute_score");
  EXPECT_EQ(ScoreOrDie(verl, MakeItem("it is 72", reference)).value, 1);
}

TEST_F(ReadmeTest, TheLinesAreServed) {
  const PluginSpec spec =
      Command(absl::StrCat("python3 ", Write("python", 2, "lines.py")));
  const std::string reference = R"({"answer": "72"})";
  EXPECT_EQ(ScoreOrDie(spec, MakeItem("72", reference)).value, 1);
  EXPECT_EQ(ScoreOrDie(spec, MakeItem("7", reference)).value, 0);
  EXPECT_EQ(ScoreOrDie(spec, MakeItem("72")).kind, REWARD_ABSTAIN);
}

class NewProjectTest : public ::testing::Test {
 protected:
  std::string Text(const std::string& file) const {
    return ReadOrDie(absl::StrCat(folder_.path(), "/", file));
  }

  TestFolder folder_;
};

TEST_F(NewProjectTest, TheNameIsFilledIn) {
  const auto project =
      WriteRewardProject("two_words", RewardLanguage::kCpp, folder_.path());
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_THAT(project->files, ElementsAre("CMakeLists.txt", "README.md",
                                          "two_words.cc", "cases.jsonl"));
  EXPECT_THAT(Text("two_words.cc"),
              HasSubstr("R1_REWARD_PLUGIN(TwoWordsReward,"));
  EXPECT_THAT(Text("CMakeLists.txt"),
              HasSubstr("r1cpp_add_reward(two_words two_words.cc)"));
  EXPECT_THAT(Text("README.md"),
              HasSubstr("plugin: \"two_words=build/libtwo_words.so\""));
  for (const std::string& file : project->files) {
    EXPECT_THAT(absl::AsciiStrToLower(Text(file)),
                Not(HasSubstr("same_answer")));
  }
}

TEST_F(NewProjectTest, APythonProjectIsServedAsItIs) {
  const auto project =
      WriteRewardProject("short", RewardLanguage::kPython, folder_.path());
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_THAT(project->files, ElementsAre("README.md", "short.py",
                                          "cases.jsonl", "r1_reward.py"));
  const PluginSpec spec = Command(absl::StrCat(
      "cd ", folder_.path(), " && python3 r1_reward.py short.py reward"));
  EXPECT_EQ(
      ScoreOrDie(spec, MakeItem("<answer>1</answer>", R"({"answer": "1"})"))
          .value,
      1);
  EXPECT_EQ(Text("r1_reward.py"),
            ReadOrDie(absl::StrCat(kPlugin, "python/r1_reward.py")));
}

TEST_F(NewProjectTest, AServerComesWithTheContract) {
  ASSERT_TRUE(
      WriteRewardProject("short", RewardLanguage::kGrpc, folder_.path()).ok());
  EXPECT_EQ(Text("reward.proto"),
            ReadOrDie(R1_SOURCE_DIR "/proto/reward.proto"));
  EXPECT_THAT(Text("server.py"), HasSubstr("RULES = {\"short\": Short}"));
}

TEST_F(NewProjectTest, NothingIsReplaced) {
  folder_.Write("cases.jsonl", "mine");
  const auto project =
      WriteRewardProject("short", RewardLanguage::kCpp, folder_.path());
  EXPECT_EQ(project.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(project.status().ToString(), HasSubstr("cases.jsonl"));
  EXPECT_EQ(Text("cases.jsonl"), "mine");
  EXPECT_FALSE(FileExists(folder_.path() + "/short.cc"));
}

TEST_F(NewProjectTest, BadNamesAreRefused) {
  for (const char* name :
       {"", "Mine", "a b", "../a", "2fast", "_a", "test", "math"}) {
    const auto project =
        WriteRewardProject(name, RewardLanguage::kCpp, folder_.path() + "/x");
    EXPECT_EQ(project.status().code(), absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_THAT(project.status().ToString(),
                HasSubstr("expected lower-case letters, digits and _"));
    EXPECT_FALSE(FileExists(folder_.path() + "/x"));
  }
}

}  // namespace
}  // namespace r1
