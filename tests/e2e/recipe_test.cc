// A recipe with every kind of stage, as people run it: the same for any workers
// and after any kill, redone stage by stage, refused where its inputs changed.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRecipe[] = R"(
model { vocab_size: 320 hidden_size: 32 intermediate_size: 64 num_layers: 1
        num_heads: 2 num_kv_heads: 1 max_positions: 256 }
task { name: "cd" kind: COUNTDOWN min_numbers: 3 max_numbers: 3 max_number: 12
       operators: "+-" template: "User: {question}\nAssistant: " }
task { name: "sums" kind: ARITHMETIC digits: 1 operators: "+"
       template: "User: {question}\nAssistant: " }
rollout { max_new_tokens: 24 max_batch: 64 }
eval { problems: 4 samples: 2 }
# Something that every model of this size earns, unequally.
reward { rule { name: "overlong" } }
stage { name: "base"
        supervised { steps: 60 batch_tokens: 512 learning_rate: 3e-3 }
        use { task: "cd" } }
stage { name: "zero"
        rl { steps: 3 prompts: 6 group_size: 4 learning_rate: 1e-3 }
        use { task: "cd" share: 2 } use { task: "sums" } }
stage { name: "cold" use { task: "cd" }
        sample { prompts: 70 per_prompt: 2 keep { rule: "overlong" at_least: -2 } } }
stage { name: "dev" from: "base"
        supervised { data: "cold" corpus_rows: 40 epochs: 2 held_out: 0.2
                     batch_tokens: 512 } }
stage { name: "helpful" from: "dev"
        reward_model { data: "PAIRS" steps: 3 batch_size: 8 learning_rate: 1e-2 } }
stage { name: "r1" from: "dev" use { task: "sums" }
        rl { steps: 2 prompts: 4 group_size: 4 learning_rate: 1e-3 }
        reward { rule { name: "overlong" }
                 rule { name: "helpful" option { key: "stage" value: "helpful" } } } }
stage { name: "student" from: "model" model { hidden_size: 16 }
        supervised { data: "cold" steps: 5 batch_tokens: 512 } }
stage { name: "table" compare { stage: "base" stage: "r1" stage: "student" } }
)";

class RecipeTest : public ::testing::Test {
 protected:
  RecipeTest() {
    WritePairs("no");
    std::string recipe = kRecipe;
    recipe.replace(recipe.find("PAIRS"), 5, folder_.path() + "/pairs.jsonl");
    recipe_ = folder_.Write("recipe.textproto", recipe);
  }
  void WritePairs(const std::string& rejected) {
    std::string pairs;
    for (int i = 0; i < 40; ++i) {
      absl::StrAppend(&pairs, "{\"prompt\": \"Say ", i,
                      ".\", \"chosen\": \"yes ", i, "\", \"rejected\": \"",
                      rejected, "\"}\n");
    }
    folder_.Write("pairs.jsonl", pairs);
  }
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::vector<std::string> Train(const std::string& name,
                                 std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"train", recipe_, "--run-dir",
                                          Dir(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // The hash of what each stage has made.
  std::map<std::string, std::string> Outputs(const std::string& name) const {
    const auto text = ReadFile(Dir(name) + "/summary.json");
    EXPECT_TRUE(text.ok()) << text.status();
    std::map<std::string, std::string> outputs;
    if (!text.ok()) return outputs;
    const auto summary = nlohmann::json::parse(*text);
    for (const auto& stage : summary["stages"]) {
      outputs[stage["name"]] = stage["output_sha256"];
    }
    return outputs;
  }
  std::map<std::string, std::string> Finish(
      const std::string& name,
      const std::vector<std::string>& more = {}) const {
    const ProgramResult result = RunProgram(Train(name, more));
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return Outputs(name);
  }

  // Of the stage dev, by step.
  std::map<int, double> HeldOutLosses(const std::string& name) const {
    std::map<int, double> losses;
    const std::string lines =
        RunProgram({"metrics", Dir(name), "--stage", "dev", "--json"}).out;
    for (absl::string_view line :
         absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      const auto row = nlohmann::json::parse(line);
      if (row.contains("held_out_loss")) {
        losses[row["step"]] = row["held_out_loss"];
      }
    }
    return losses;
  }

  const std::vector<std::string> stages_ = {
      "base", "zero", "cold", "dev", "helpful", "r1", "student", "table"};
  TestFolder folder_;
  std::string recipe_;
};

TEST_F(RecipeTest, EveryStageIsEqualForAnyWorkersThreadsAndAfterAnyKill) {
  const auto whole = Finish("whole", {"--threads", "1"});
  ASSERT_EQ(whole.size(), stages_.size());
  EXPECT_EQ(Finish("workers", {"--workers", "3", "--threads", "2"}), whole);
  // Killed as each stage begins, and once more a little later.
  for (const std::string& stage : stages_) {
    for (const std::string& moment :
         {absl::StrCat(stage, ": "), absl::StrCat(stage, " 1/")}) {
      Program program(Train("killed"));
      ASSERT_TRUE(program.WaitForText(moment))
          << program.err() << program.out();
      program.Kill(SIGKILL);
      program.Wait();
    }
  }
  EXPECT_EQ(Finish("killed", {"--workers", "1"}), whole);
  // What was sampled is learned as it was sampled, and no other way.
  const std::string row =
      ReadFile(Dir("whole") + "/stages/cold/data.jsonl")->substr(0, 4000);
  EXPECT_THAT(
      row, AllOf(HasSubstr("\"completion\":"), HasSubstr("\"prompt_tokens\":["),
                 HasSubstr("\"task\":\"cd\"")));
  EXPECT_EQ(*ReadFile(Dir("killed") + "/stages/cold/data.jsonl"),
            *ReadFile(Dir("whole") + "/stages/cold/data.jsonl"));
  // Each task has its numbers, and each stage its own.
  const std::string zero =
      RunProgram({"metrics", Dir("whole"), "--stage", "zero"}).out;
  EXPECT_THAT(zero, AllOf(HasSubstr("cd/pass@1"), HasSubstr("sums/pass@1")));
  EXPECT_THAT(RunProgram({"samples", Dir("whole"), "--stage", "cold"}).out,
              HasSubstr("overlong"));
  // What was measured again after a kill has the same bits.
  const auto held_out = HeldOutLosses("whole");
  EXPECT_GE(held_out.size(), 5u);
  EXPECT_EQ(HeldOutLosses("killed"), held_out);
  EXPECT_EQ(HeldOutLosses("workers"), held_out);
  // Every stage that makes a model can be asked.
  for (const char* stage : {"base", "dev", "helpful", "student"}) {
    EXPECT_EQ(RunProgram({"hash", Dir("whole"), stage}).out,
              absl::StrCat(whole.at(stage), "\n"));
  }
}

// Stopped in the middle of stages of every kind that trains, after a
// checkpoint; the stages are long enough for that.
TEST_F(RecipeTest, InBf16AStoppedRunGoesOnWithItsOwnBits) {
  const std::vector<std::string> bf16 = {
      "--set", "dtype=BF16",        "--set", "helpful.reward_model.steps=300",
      "--set", "zero.rl.steps=10",  "--set", "dev.supervised.epochs=20",
      "--set", "keep=LAYER_INPUTS", "--set", "r1.rl.steps=10"};
  const auto whole = Finish("whole", bf16);
  for (const char* stage : {"zero", "dev", "helpful", "r1"}) {
    Program program(Train("stopped", bf16));
    ASSERT_TRUE(program.WaitForText(absl::StrCat(stage, " 1/")))
        << program.err() << program.out();
    program.Kill(SIGTERM);
    EXPECT_EQ(program.Wait().exit_code, 75) << stage << program.err();
  }
  std::vector<std::string> on = bf16;
  // What is kept of a forward pass, and for how many tokens at a time, is
  // nobody's business but the machine's.
  on.insert(on.end(), {"--workers", "1", "--set", "keep=ALL", "--set",
                       "zero.rl.microbatch_tokens=200", "--set",
                       "r1.rl.microbatch_tokens=200"});
  EXPECT_EQ(Finish("stopped", on), whole);
  EXPECT_EQ(RunProgram(Train("fp32", {"--until", "base"})).exit_code, 0);
  EXPECT_NE(RunProgram({"hash", Dir("fp32"), "base"}).out,
            absl::StrCat(whole.at("base"), "\n"));
}

// Rows differ in nothing but the model, and are what an evaluation says.
TEST_F(RecipeTest, AComparisonEndsTheRunWithItsTable) {
  const ProgramResult result = RunProgram(Train("run"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("stage"), HasSubstr("cd"), HasSubstr("sums"),
                    HasSubstr("length"), HasSubstr("base, wrong"),
                    HasSubstr("student, wrong")));
  const auto text = ReadFile(Dir("run") + "/stages/table/table.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const auto rows = nlohmann::json::parse(*text)["rows"];
  ASSERT_EQ(rows.size(), 3);
  const auto outputs = Outputs("run");
  for (const auto& row : rows) {
    EXPECT_EQ(row["model_sha256"], outputs.at(row["stage"]));
    // 4 problems of each of two tasks, evaluated task by task.
    EXPECT_EQ(row["metrics"]["cd/problems"], 4);
    EXPECT_EQ(row["metrics"]["sums/problems"], 4);
  }
  EXPECT_NE(rows[0]["metrics"]["cd/mean_length"],
            rows[2]["metrics"]["cd/mean_length"]);
  // Fewer rows are the same rows.
  const std::vector<std::string> less = {
      "--set", "table.compare.stage=[\"r1\"]", "--redo", "table"};
  EXPECT_EQ(RunProgram(Train("run", less)).exit_code, 0);
  const auto again = nlohmann::json::parse(
      *ReadFile(Dir("run") + "/stages/table/table.json"))["rows"];
  ASSERT_EQ(again.size(), 1);
  EXPECT_EQ(again[0], rows[1]);
}

TEST_F(RecipeTest, AStageIsRedoneWithThoseThatNeedItAndNoOther) {
  auto before = Finish("run");
  const std::vector<std::string> change = {"--set", "zero.rl.steps=2"};
  const ProgramResult refused = RunProgram(Train("run", change));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("zero: rl.steps"), HasSubstr("--redo zero")));
  EXPECT_EQ(Outputs("run"), before);
  std::vector<std::string> redo = change;
  redo.insert(redo.end(), {"--redo", "zero"});
  const auto after = Finish("run", redo);
  EXPECT_EQ(after.at("base"), before.at("base"));
  EXPECT_NE(after.at("zero"), before.at("zero"));
  EXPECT_NE(after.at("cold"), before.at("cold"));
  EXPECT_NE(after.at("student"), before.at("student"));
  // As if it had never been otherwise.
  EXPECT_EQ(Finish("anew", change), after);
}

// The base is kept where only how later stages answer has changed.
TEST_F(RecipeTest, AnotherLengthOfAnswersLeavesSupervisedStagesAlone) {
  const auto before = Finish("run");
  const ProgramResult refused =
      RunProgram(Train("run", {"--set", "rollout.max_new_tokens=20"}));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("zero: "), Not(HasSubstr("base: ")),
                                 Not(HasSubstr("student: "))));
  EXPECT_EQ(Outputs("run"), before);
}

// A run of one RL stage, whose reward and length change on the way.
TEST_F(RecipeTest, SchedulesGoByTheStepAlone) {
  const std::vector<std::string> schedule = {
      "--until",
      "zero",
      "--set",
      "zero.reward.rule=[{name: \"overlong\"}, {name: \"language\" weight: 5 "
      "from_step: 3}]",
      "--set",
      "zero.rollout.longer={from_step: 2 max_new_tokens: 40}"};
  const auto train = [&](const std::string& name,
                         std::vector<std::string> more = {}) {
    more.insert(more.begin(), schedule.begin(), schedule.end());
    const ProgramResult result = RunProgram(Train(name, more));
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return RunProgram({"hash", Dir(name), "zero"}).out;
  };
  const std::string whole = train("whole");
  std::vector<std::string> killed = schedule;
  Program program(Train("killed", killed));
  ASSERT_TRUE(program.WaitForText("zero 1/")) << program.err();
  program.Kill(SIGKILL);
  program.Wait();
  EXPECT_EQ(train("killed", {"--workers", "2"}), whole);

  const ProgramResult samples = RunProgram(
      {"samples", Dir("whole"), "--stage", "zero", "--limit", "0", "--json"});
  std::map<int, size_t> longest;
  std::map<int, double> late;  // by step, the largest score
  for (absl::string_view line :
       absl::StrSplit(samples.out, '\n', absl::SkipEmpty())) {
    const auto sample = nlohmann::json::parse(line);
    const int step = sample["step"];
    longest[step] = std::max(longest[step], sample["tokens"].size());
    if (sample["kind"] != "score") continue;
    const std::map<std::string, double> scores = sample["components"];
    double reward = step < 3 ? 0 : 5 * scores.at("language");
    for (const auto& [rule, score] : scores) {
      if (rule == "overlong" || rule == "countdown" || rule == "exact_answer") {
        reward += score;
      }
    }
    EXPECT_NEAR(sample["reward"], reward, 1e-9) << line;
    late[step] = std::max(late[step], scores.at("language"));
  }
  EXPECT_GT(late[1], 0);  // measured from the start
  EXPECT_GT(late[3], 0);
  EXPECT_LE(longest[1], 24u);
  EXPECT_GT(longest[2], 24u);
  EXPECT_LE(longest[2], 40u);
  // Scored anew, nothing has changed.
  const ProgramResult anew =
      RunProgram({"reward", "rescore", Dir("whole") + "/stages/zero"});
  EXPECT_EQ(anew.exit_code, 0) << anew.err;
  EXPECT_THAT(anew.err, HasSubstr(" 0 verdicts differ"));
  // An evaluation has the length of its step.
  const auto longest_of = [&](const std::string& model) {
    const std::string out = Dir("answers.jsonl");
    const ProgramResult eval =
        RunProgram({"eval", model, "--out", out, "--temperature", "1"});
    EXPECT_EQ(eval.exit_code, 0) << eval.err;
    int most = 0;
    for (absl::string_view line :
         absl::StrSplit(*ReadFile(out), '\n', absl::SkipEmpty())) {
      most = std::max<int>(most, nlohmann::json::parse(line)["tokens"]);
    }
    return most;
  };
  EXPECT_LE(longest_of(Dir("whole") + "/stages/zero/checkpoints/step-0"), 24);
  EXPECT_GT(longest_of(Dir("whole")), 24);
}

// Whatever its own tasks, a stage is measured on those of the recipe.
TEST_F(RecipeTest, StagesAreComparedOnAllTasksOfTheRecipe) {
  ASSERT_EQ(RunProgram(Train("run", {"--until", "zero"})).exit_code, 0);
  const auto eval = [&](const std::string& model,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"eval", model, "--json", "--out",
                                          Dir("answers.jsonl")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = RunProgram(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("\"cd/pass@1\""), HasSubstr("\"sums/pass@1\""),
                      HasSubstr("cd: countdown, sums: exact")));
    return *ReadFile(Dir("answers.jsonl"));
  };
  const std::string base = eval(Dir("run"), {"--stage", "base"});
  EXPECT_EQ(eval(Dir("run") + "/stages/base"), base);
  const std::string zero = eval(Dir("run"));
  EXPECT_NE(zero, base);
  const auto problems = [](const std::string& lines) {
    std::vector<std::string> all;
    for (absl::string_view line :
         absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      const auto answer = nlohmann::json::parse(line);
      all.push_back(absl::StrCat(answer["task"].get<std::string>(), " ",
                                 answer["reference"].get<std::string>()));
      const std::string rule =
          answer["task"] == "cd" ? "countdown" : "exact_answer";
      EXPECT_TRUE(answer["scores"].contains(rule)) << answer;
      EXPECT_EQ(answer["right"], answer["scores"][rule] == 1) << answer;
    }
    return all;
  };
  EXPECT_EQ(problems(base).size(), 16u);  // 2 tasks x 4 problems x 2 samples
  EXPECT_EQ(problems(base), problems(zero));
  const ProgramResult nowhere =
      RunProgram({"eval", Dir("run"), "--out", Dir("none/a.jsonl")});
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_THAT(nowhere.err, HasSubstr("--out"));
}

// A run, a stage of it, a checkpoint, a plain folder.
TEST_F(RecipeTest, EveryCommandTakesAModelHoweverItIsNamed) {
  ASSERT_EQ(RunProgram(Train("run", {"--until", "helpful"})).exit_code, 0);
  const std::string stage = Dir("run") + "/stages/dev";
  const std::string dev = RunProgram({"hash", Dir("run"), "dev"}).out;
  std::string checkpoint;
  for (const auto& entry :
       std::filesystem::directory_iterator(stage + "/checkpoints")) {
    checkpoint = entry.path().string();
  }
  std::filesystem::copy(checkpoint, Dir("plain"),
                        std::filesystem::copy_options::recursive);
  const std::string data = folder_.Write("data.textproto", R"(
    task { name: "cd" kind: COUNTDOWN min_numbers: 3 max_numbers: 3
           max_number: 12 operators: "+-"
           template: "User: {question}\nAssistant: " }
    stage { name: "same" supervised { steps: 0 } })");
  // The last language model of RUN is dev's: helpful makes a reward model.
  for (const std::string& model :
       {Dir("run"), stage, stage + "/", checkpoint, Dir("plain")}) {
    EXPECT_EQ(RunProgram({"hash", model}).out, dev) << model;
    const ProgramResult said =
        RunProgram({"generate", model, "Hi", "--max-new-tokens", "4"});
    EXPECT_EQ(said.exit_code, 0) << model << said.err;
    const ProgramResult eval =
        RunProgram({"eval", model, "--data", "countdown", "--problems", "2",
                    "--samples", "1", "--max-new-tokens", "8"});
    EXPECT_EQ(eval.exit_code, 0) << model << eval.err;
    std::filesystem::remove_all(Dir("next"));
    const ProgramResult trained = RunProgram(
        {"train", data, "--run-dir", Dir("next"), "--set",
         absl::StrCat("model.path=", model), "--set", "supervised.steps=1"});
    EXPECT_EQ(trained.exit_code, 0) << model << trained.err;
  }
  const std::string texts = folder_.Write(
      "texts.jsonl",
      "{\"id\": \"a\", \"prompt\": \"Say 1.\", \"completion\": \"yes 1\", "
      "\"reference\": {}}\n");
  for (const std::string& judge :
       {absl::StrCat(Dir("run"), "/stages/helpful"),
        absl::StrCat(Dir("run"), "/stages/helpful/checkpoints/step-3")}) {
    const ProgramResult scored =
        RunProgram({"reward", "score", "--rule", "model", "--set",
                    absl::StrCat("path=", judge), texts});
    EXPECT_EQ(scored.exit_code, 0) << judge << scored.err;
    EXPECT_THAT(scored.out, HasSubstr("\"kind\":\"score\"")) << judge;
    EXPECT_EQ(RunProgram({"hash", judge}).exit_code, 0) << judge;
  }
  const ProgramResult metrics = RunProgram({"metrics", stage, "--last", "1"});
  EXPECT_THAT(metrics.out, HasSubstr("dev")) << metrics.err;
}

// Data of a model that is there already: nothing in the run makes a model.
TEST_F(RecipeTest, ARunMayMakeDataAlone) {
  EXPECT_EQ(RunProgram(Train("run", {"--until", "base"})).exit_code, 0);
  const std::string data = folder_.Write(
      "data.textproto", absl::StrCat(R"(
    task { name: "cd" kind: COUNTDOWN min_numbers: 3 max_numbers: 3
           max_number: 12 operators: "+-" }
    rollout { max_new_tokens: 24 }
    reward { rule { name: "overlong" } }
    stage { name: "rows" use { task: "cd" }
            sample { prompts: 5 per_prompt: 2
                     keep { rule: "overlong" at_least: -2 } } }
    model { path: ")",
                                     Dir("run"), "/stages/base\" }"));
  const ProgramResult result =
      RunProgram({"train", data, "--run-dir", Dir("data")});
  EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
  const auto rows = ReadFile(Dir("data") + "/stages/rows/data.jsonl");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, HasSubstr("\"task\":\"cd\""));
  EXPECT_EQ(Outputs("data").count("rows"), 1);
}

TEST_F(RecipeTest, AFileThatChangedIsNamedAndOneStageStopsThere) {
  const ProgramResult part = RunProgram(Train("run", {"--until", "helpful"}));
  EXPECT_EQ(part.exit_code, 0) << part.err;
  EXPECT_FALSE(FileExists(Dir("run") + "/summary.json"));
  EXPECT_FALSE(FileExists(Dir("run") + "/stages/r1"));
  EXPECT_FALSE(FileExists(Dir("run") + "/stages/student"));
  WritePairs("never");
  const ProgramResult refused = RunProgram(Train("run"));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("pairs.jsonl has changed"), HasSubstr("helpful"),
                    HasSubstr("--redo helpful")));
  Finish("run", {"--redo", "helpful"});
}

TEST_F(RecipeTest, AStageThatKeepsNothingSaysWhy) {
  const ProgramResult result = RunProgram(
      Train("run", {"--set", "cold.sample.keep=[{rule: \"overlong\"}]"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("the stage cold keeps nothing"),
                    HasSubstr("0 of 140 samples"), HasSubstr("overlong")));
  EXPECT_FALSE(FileExists(Dir("run") + "/stages/cold/data.jsonl"));
  Finish("run", {"--redo", "cold"});
}

}  // namespace
}  // namespace r1
