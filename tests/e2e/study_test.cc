// A recipe with several seeds: the runs are those of `r1 train`, the table is
// made of theirs, and a study that stopped goes on.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/held_reward.h"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kBase[] = R"(
model { vocab_size: 320 hidden_size: 16 intermediate_size: 32 num_layers: 1
        num_heads: 2 num_kv_heads: 1 max_positions: 128 }
task { name: "sums" kind: ARITHMETIC digits: 1 operators: "+"
       template: "User: {question}\nAssistant: " }
rollout { max_new_tokens: 16 max_batch: 64 }
eval { problems: 8 samples: 2 }
stage { name: "base"
        supervised { steps: 40 batch_tokens: 512 learning_rate: 3e-3 } }
)";
constexpr char kTable[] = R"(
stage { name: "more" supervised { steps: 40 batch_tokens: 512 } }
stage { name: "table" compare { stage: "base" stage: "more" } }
)";

class StudyTest : public ::testing::Test {
 protected:
  StudyTest() {
    recipe_ = folder_.Write("recipe.textproto", absl::StrCat(kBase, kTable));
  }
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::vector<std::string> Study(const std::string& name,
                                 const std::string& seeds,
                                 std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"study", recipe_, "--seeds",
                                          seeds,   "--dir", Dir(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  nlohmann::json Json(const std::string& path) const {
    const auto text = ReadFile(Dir(path));
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? nlohmann::json::parse(*text) : nlohmann::json();
  }
  // study.json without what the clock says.
  nlohmann::json Timeless(const std::string& name) const {
    nlohmann::json json = Json(name + "/study.json");
    for (auto& run : json["runs"]) {
      run.erase("wall_seconds");
      for (auto& stage : run["stages"]) stage.erase("seconds");
    }
    return json;
  }
  // The hash of what each stage of a run has made.
  std::map<std::string, std::string> Outputs(const std::string& run) const {
    std::map<std::string, std::string> outputs;
    const nlohmann::json summary = Json(run + "/summary.json");
    for (const auto& stage : summary["stages"]) {
      outputs[stage["name"]] = stage["output_sha256"];
    }
    return outputs;
  }
  // Every number of a study of the seeds 1 and 2, from what their comparisons
  // measured: of two values the sample deviation is |a - b| / sqrt(2).
  void CheckTable(const std::string& name) const {
    const nlohmann::json table = Json(name + "/study.json")["tables"][0];
    EXPECT_EQ(table["stage"], "table");
    ASSERT_EQ(table["rows"].size(), 2u);
    ASSERT_GE(table["columns"].size(), 2u);
    double largest = 0;
    for (size_t r = 0; r < 2; ++r) {
      const nlohmann::json& row = table["rows"][r];
      EXPECT_EQ(row["stage"], r == 0 ? "base" : "more");
      std::vector<nlohmann::json> measured;
      for (const char* seed : {"/seed-1", "/seed-2"}) {
        const auto json =
            Json(absl::StrCat(name, seed, "/stages/table/table.json"));
        measured.push_back(json["rows"][r]["metrics"]);
      }
      for (size_t c = 0; c < table["columns"].size(); ++c) {
        const std::string column = table["columns"][c];
        const double a = measured[0][column], b = measured[1][column];
        EXPECT_EQ(row["values"][c], nlohmann::json({a, b})) << column;
        EXPECT_EQ(row["n"][c], 2);
        EXPECT_NEAR(row["mean"][c], (a + b) / 2, 1e-12) << column;
        EXPECT_NEAR(row["sd"][c], std::abs(a - b) / std::sqrt(2), 1e-12);
        largest = std::max(largest, std::abs(a - b));
      }
    }
    EXPECT_GT(largest, 0) << "the seeds are to differ";
  }
  // Refused in one line with this, and no folder made.
  void ExpectRefused(const std::vector<std::string>& arguments, int exit_code,
                     const std::string& part) const {
    const ProgramResult result = RunProgram(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
        << result.err;
  }

  TestFolder folder_;
  std::string recipe_;
};

TEST_F(StudyTest, TheTableIsThatOfTheRunsAndTheRunsAreThoseOfTrain) {
  const ProgramResult result = RunProgram(Study("study", "2"));
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr("2 seeds, mean ± standard"),
                                HasSubstr("  base  "), HasSubstr(" ± ")));
  EXPECT_THAT(result.err, AllOf(HasSubstr("seed 1 (1 of 2) begins\n"),
                                HasSubstr("seed 1 (1 of 2) is done in "),
                                HasSubstr("seed 2 (2 of 2) begins, about ")));
  const nlohmann::json study = Json("study/study.json");
  EXPECT_EQ(study["whole"], true);
  // The same as by hand.
  for (const std::string seed : {"1", "2"}) {
    const std::string run = absl::StrCat("by-hand-", seed);
    ASSERT_EQ(RunProgram({"train", recipe_, "--run-dir", Dir(run), "--set",
                          absl::StrCat("seed=", seed)})
                  .exit_code,
              0);
    EXPECT_EQ(Outputs(run), Outputs(absl::StrCat("study/seed-", seed)));
  }
  EXPECT_EQ(Outputs("by-hand-1").size(), 3u);
  EXPECT_NE(Outputs("by-hand-1"), Outputs("by-hand-2"));
  for (size_t s = 0; s < 2; ++s) {
    const nlohmann::json& run = study["runs"][s];
    std::map<std::string, std::string> outputs;
    for (const auto& stage : run["stages"]) {
      outputs[stage["name"]] = stage["output_sha256"];
    }
    EXPECT_EQ(outputs, Outputs(absl::StrCat("by-hand-", s + 1)));
    EXPECT_GT(run["wall_seconds"], 0);
  }
  CheckTable("study");
  // Nothing is left to do, and a run is one like any other.
  const auto before = Timeless("study");
  const ProgramResult again = RunProgram(Study("study", "2"));
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, StartsWith(Dir("study") + ": 2 of 2 seeds"));
  EXPECT_THAT(result.out, EndsWith(again.out));
  EXPECT_EQ(Timeless("study"), before);
  EXPECT_EQ(RunProgram({"report", Dir("study/seed-2")}).exit_code, 0);
  // A stage of every seed anew, and what depends on it: the same bits.
  const ProgramResult redone =
      RunProgram(Study("study", "2", {"--redo", "more"}));
  EXPECT_EQ(redone.exit_code, 0) << redone.err;
  for (const char* seed : {"1", "2"}) {
    const std::string manifest =
        *ReadFile(Dir(absl::StrCat("study/seed-", seed, "/manifest.json")));
    EXPECT_THAT(manifest, AllOf(HasSubstr("more: computed anew"),
                                HasSubstr("table: computed anew"),
                                Not(HasSubstr("base: computed anew"))));
  }
  EXPECT_EQ(Timeless("study"), before);
}

TEST_F(StudyTest, StoppedAndContinuedIsTheSame) {
  // Held in the table of seed 3, while the first of its two models is judged:
  // 16 samples each. Before that the study and then the run try the rule, each
  // for training and for evaluations; HeldReward counts one of these four times
  // itself.
  const HeldReward held(folder_.path(), /*passes=*/3 * 16 + 4);
  const std::vector<std::string> rules = {
      "--set",
      "reward.timeout_ms=3600000",
      "--set",
      "reward.rule=[{name: \"exact_answer\"}, {name: \"held\" weight: 0 "
      "option {key: \"when\" value: \"both\"}}]",
      "--set",
      absl::StrCat("reward.plugin=\"", held.Plugin(), "\"")};
  ASSERT_EQ(RunProgram(Study("whole", "1,3", rules)).exit_code, 0);
  ASSERT_EQ(RunProgram(Study("cut", "1", rules)).exit_code, 0);
  held.Hold();
  Program program(Study("cut", "1,3", rules));
  ASSERT_TRUE(held.AwaitHeld()) << program.err();
  program.Kill(SIGTERM);
  held.Release();  // what is being judged is judged first
  const ProgramResult cut = program.Wait();
  EXPECT_EQ(cut.exit_code, 75) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("seed 3: interrupted"));
  const nlohmann::json part = Timeless("cut");
  EXPECT_EQ(part["whole"], false);
  EXPECT_EQ(part["runs"][0], Timeless("whole")["runs"][0]);
  EXPECT_EQ(part["tables"][0]["rows"][0]["n"][0], 1);
  EXPECT_THAT(*ReadFile(Dir("cut") + "/study.html"),
              HasSubstr("1 of 2 seeds are done; seed 3: begun"));
  std::vector<std::string> on = rules;
  on.insert(on.end(), {"--workers", "1"});
  ASSERT_EQ(RunProgram(Study("cut", "1,3", on)).exit_code, 0);
  EXPECT_EQ(Timeless("cut"), Timeless("whole"));
  EXPECT_THAT(*ReadFile(Dir("cut") + "/study.html"),
              Not(HasSubstr("Not whole")));
}

// The folder of seed 1 lies on a disk that is not there.
TEST_F(StudyTest, ASeedThatFailsLeavesTheOthersAlone) {
  ASSERT_TRUE(MakeDirectories(Dir("study")).ok());
  ASSERT_EQ(::symlink(Dir("none/seed-1").c_str(), Dir("study/seed-1").c_str()),
            0);
  const ProgramResult result = RunProgram(Study("study", "2"));
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("seed 1 (1 of 2) failed: "),
                                HasSubstr("seed 2 (2 of 2) is done in "),
                                HasSubstr("r1: 1 of 2 seeds failed, "),
                                HasSubstr("study/seed-1")));
  const nlohmann::json study = Json("study/study.json");
  EXPECT_EQ(study["whole"], false);
  EXPECT_THAT(std::string(study["runs"][0]["failure"]),
              HasSubstr("study/seed-1"));
  EXPECT_EQ(study["runs"][1]["done"], true);
  EXPECT_EQ(study["tables"][0]["rows"][0]["n"][0], 1);
  EXPECT_TRUE(study["tables"][0]["rows"][0]["values"][0][0].is_null());
  EXPECT_THAT(*ReadFile(Dir("study") + "/study.html"),
              HasSubstr("1 of 2 seeds are done; seed 1: failed, "));
}

TEST_F(StudyTest, ASecondProcessIsToldOfTheFirst) {
  Program first(
      Study("study", "2", {"--set", "base.supervised.steps=1000000"}));
  ASSERT_TRUE(first.WaitForText("base 1/")) << first.err();
  const ProgramResult second = RunProgram(
      Study("study", "2", {"--set", "base.supervised.steps=1000000"}));
  EXPECT_EQ(second.exit_code, 75);
  EXPECT_THAT(second.err, HasSubstr(absl::StrCat(
                              "study/lock is held by process ", first.pid())));
}

// Seed 2 alone has begun; nothing of seed 1 may run before that is seen.
TEST_F(StudyTest, AnotherRecipeIsRefusedBeforeAnythingRuns) {
  ASSERT_EQ(RunProgram(Study("study", "2,")).exit_code, 2);
  ASSERT_EQ(RunProgram({"train", recipe_, "--run-dir", Dir("study/seed-2"),
                        "--set", "seed=2", "--until", "base"})
                .exit_code,
            0);
  ExpectRefused(Study("study", "2", {"--set", "base.supervised.steps=39"}), 1,
                "study/seed-2 was begun with another configuration "
                "(base: supervised.steps: 40 -> 39");
  EXPECT_FALSE(FileExists(Dir("study/seed-1")));
}

TEST_F(StudyTest, BadInputIsRefusedInOneLine) {
  const std::string base = folder_.Write("base.textproto", kBase);
  ExpectRefused({"study", base, "--seeds", "2", "--dir", Dir("x")}, 1,
                "add stage { name: \"table\" compare { stage: \"base\" } }");
  ExpectRefused(Study("x", "0"), 2, "1 to 1000");
  ExpectRefused(Study("x", "1,2,1"), 2, "each seed once");
  ExpectRefused(Study("x", "two"), 2, "got two");
  ExpectRefused(Study("x", "2", {"--set", "seed=4"}), 1, "--seeds");
  ExpectRefused(Study("x", "2", {"--set", "sums.file=none.jsonl"}), 1,
                "none.jsonl");
  ExpectRefused(Study("x", "2", {"--redo", "zero"}), 1,
                "--redo zero: there is no such stage");
  EXPECT_FALSE(FileExists(Dir("x")));
  folder_.Write("notes.txt", "mine");
  ExpectRefused({"study", recipe_, "--seeds", "2", "--dir", folder_.path()}, 1,
                "holds files but no study");
}

}  // namespace
}  // namespace r1
