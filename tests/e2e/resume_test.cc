// What a person may change, lose or break between two starts of a run, and that
// nothing recorded is ever lost by it.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ResumeTest : public ::testing::Test {
 protected:
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  // Trains into `name` to the end and returns the hash.
  std::string Train(const std::string& name,
                    const std::vector<std::string>& more) {
    const ProgramResult result = RunProgram(TinyTrain(Dir(name), more));
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return HashOf(Dir(name));
  }
  // Trains into `name` until the first RL step is done, and interrupts.
  void Begin(const std::string& name, const std::vector<std::string>& more) {
    Program program(TinyTrain(Dir(name), more));
    ASSERT_TRUE(program.WaitForText("rl 1/")) << program.err();
    program.Kill(SIGINT);
    const ProgramResult result = program.Wait();
    ASSERT_NE(result.exit_code, 0) << result.out;
    ASSERT_THAT(result.err, HasSubstr("interrupted"));
  }
  void Move(const std::string& from, const std::string& to) {
    std::filesystem::rename(Dir(from), Dir(to));
  }
  std::string Samples(const std::string& name) {
    return RunProgram({"samples", Dir(name), "--json", "--limit", "0"}).out;
  }
  // The lines of manifest.json's history, as one text.
  std::string History(const std::string& name) {
    const auto manifest =
        nlohmann::json::parse(*ReadFile(Dir(name) + "/manifest.json"));
    return manifest.contains("history") ? manifest["history"].dump() : "";
  }
  // The command is refused with one line, and the run stays as it is.
  std::string Refusal(const std::string& name,
                      const std::vector<std::string>& more) {
    const std::string samples = Samples(name);
    const std::string config = *ReadFile(Dir(name) + "/config.textproto");
    const ProgramResult result = RunProgram(TinyTrain(Dir(name), more));
    EXPECT_EQ(result.exit_code, 1) << result.out;
    EXPECT_EQ(Samples(name), samples);
    EXPECT_EQ(*ReadFile(Dir(name) + "/config.textproto"), config);
    return result.err;
  }

  const std::vector<std::string> steps_ = {"--set", "rl.steps=12", "--set",
                                           "checkpoint.every=5"};
  TestFolder folder_;
};

std::vector<std::string> With(std::vector<std::string> arguments,
                              const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  }
  return arguments;
}

TEST_F(ResumeTest, AFinishedRunIsOneWithoutItsCheckpoints) {
  Train("run", {});
  const std::string samples = Samples("run");
  Move("run/stages/rl/checkpoints", "archive");
  const ProgramResult again = RunProgram(TinyTrain(Dir("run")));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("is finished already"));
  EXPECT_EQ(Samples("run"), samples);
  EXPECT_THAT(Refusal("run", With({}, {"rl.learning_rate=0.5"})),
              HasSubstr("rl.learning_rate: "));
  EXPECT_THAT(Refusal("run", With({}, {"rl.steps=5"})),
              HasSubstr("move them back to go on"));
  EXPECT_TRUE(FileExists(Dir("run") + "/summary.json"));
}

TEST_F(ResumeTest, AnInterruptedRunWaitsForItsCheckpoints) {
  const std::string hash = Train("whole", steps_);
  Begin("cut", steps_);
  Move("cut/stages/rl/checkpoints", "archive");
  const std::string refusal = Refusal("cut", steps_);
  EXPECT_THAT(refusal, HasSubstr("holds no checkpoint any more"));
  EXPECT_THAT(refusal, HasSubstr("move them back"));
  EXPECT_THAT(refusal, HasSubstr("--run-dir"));
  EXPECT_THAT(Refusal("cut", With(steps_, {"seed=2"})), HasSubstr("seed"));
  Move("archive", "cut/stages/rl/checkpoints");
  EXPECT_EQ(Train("cut", steps_), hash);
  EXPECT_EQ(Samples("cut"), Samples("whole"));
}

TEST_F(ResumeTest, TheAdviceOnDamagedCheckpointsLosesNothing) {
  Begin("run", steps_);
  const std::string checkpoints = Dir("run") + "/stages/rl/checkpoints";
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints)) {
    const std::string model = entry.path() / "model.safetensors";
    if (!FileExists(model)) continue;
    ASSERT_TRUE(WriteFileAtomic(model, "rust").ok());
  }
  const std::string refusal = Refusal("run", steps_);
  EXPECT_THAT(refusal, HasSubstr("are damaged: restore one of them"));
  EXPECT_THAT(refusal, Not(HasSubstr("away")));
  // Those who move them away all the same.
  Move("run/stages/rl/checkpoints", "damaged");
  EXPECT_THAT(Refusal("run", steps_), HasSubstr("holds no checkpoint"));
}

// Killed again and again before anything is saved, a first start begins anew.
TEST_F(ResumeTest, AFirstStartMayBeKilledAtAnyInstant) {
  const std::string hash = Train("whole", {});
  for (const char* moment : {"", "tokenizer", "pretrain 1/"}) {
    SCOPED_TRACE(moment);
    Program program(TinyTrain(Dir("killed")));
    program.WaitForText(moment, absl::Seconds(5));
    program.Kill(SIGKILL);
    program.Wait();
  }
  EXPECT_EQ(Train("killed", {}), hash);
  EXPECT_EQ(Samples("killed"), Samples("whole"));
}

TEST_F(ResumeTest, ARunMayGoOnForMoreSteps) {
  const std::string hash = Train("whole", With({}, {"rl.steps=7"}));
  Train("grown", {});  // 3 steps, to the end
  EXPECT_EQ(Train("grown", With({}, {"rl.steps=7"})), hash);
  EXPECT_EQ(Samples("grown"), Samples("whole"));
  const auto summary =
      nlohmann::json::parse(*ReadFile(Dir("grown") + "/summary.json"));
  EXPECT_EQ(summary["rl_steps"], 7);
  EXPECT_THAT(History("grown"), HasSubstr("rl.steps: 3 -> 7"));
  // It is finished again, and the shorter one is not asked for any more.
  EXPECT_THAT(RunProgram(TinyTrain(Dir("grown"), With({}, {"rl.steps=7"}))).out,
              HasSubstr("is finished already"));
  EXPECT_THAT(Refusal("grown", {}), HasSubstr("may grow, not shrink"));
}

TEST_F(ResumeTest, EvaluationsAndCheckpointsMayBeSetAnewOnTheWay) {
  const std::string hash = Train("whole", steps_);
  Begin("cut", steps_);
  EXPECT_EQ(Train("cut", With(steps_, {"eval.every=4", "eval.problems=3",
                                       "checkpoint.every=3"})),
            hash);
  for (const char* change : {"eval.every: 0 -> 4", "eval.problems: 4 -> 3",
                             "checkpoint.every: 5 -> 3"}) {
    EXPECT_THAT(History("cut"), HasSubstr(change));
  }
  EXPECT_THAT(*ReadFile(Dir("cut") + "/config.textproto"),
              HasSubstr("problems: 3"));
  EXPECT_EQ(Samples("cut"), Samples("whole"));
}

TEST_F(ResumeTest, AnotherBuildGoesOnIfItIsAccepted) {
  const std::string hash = Train("whole", steps_);
  Begin("cut", steps_);
  // The same program with one byte more is another build.
  const std::string other = folder_.path() + "/other-r1";
  ASSERT_TRUE(
      WriteFileAtomic(other, *ReadFile(Program::BinaryPath()) + "x").ok());
  ASSERT_EQ(::chmod(other.c_str(), 0755), 0);
  const ProgramResult refused =
      Program(TinyTrain(Dir("cut"), steps_), other).Wait();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--accept-build goes on"));
  std::vector<std::string> accepting = steps_;
  accepting.push_back("--accept-build");
  const ProgramResult accepted =
      Program(TinyTrain(Dir("cut"), accepting), other).Wait();
  EXPECT_EQ(accepted.exit_code, 0) << accepted.err;
  EXPECT_THAT(accepted.err, HasSubstr("goes on with a change: build_id: "));
  EXPECT_THAT(History("cut"), HasSubstr("build_id: "));
  EXPECT_EQ(HashOf(Dir("cut")), hash);
  EXPECT_THAT(Refusal("cut", With(steps_, {"rl.steps=13"})),
              HasSubstr("the program's build"));
}

// Whatever step an interruption names is saved: also inside an evaluation,
// which takes most of the time here.
TEST_F(ResumeTest, AnInterruptedEvaluationHasItsStepSaved) {
  const std::vector<std::string> more =
      With({}, {"rl.steps=100", "checkpoint.every=100", "eval.every=1",
                "eval.problems=60", "eval.samples=8"});
  Program program(TinyTrain(Dir("run"), more));
  ASSERT_TRUE(program.WaitForText("rl 1/")) << program.err();
  program.Kill(SIGINT);
  const std::string err = program.Wait().err;
  const size_t at = err.find("rl step ");
  ASSERT_NE(at, std::string::npos) << err;
  const std::string step =
      err.substr(at + 8, err.find_first_not_of("0123456789", at + 8) - at - 8);
  EXPECT_TRUE(FileExists(Dir("run") + "/stages/rl/checkpoints/step-" + step))
      << err;
}

}  // namespace
}  // namespace r1
