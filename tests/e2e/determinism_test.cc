// A run is a function of its configuration: not of workers, threads, crashes
// or where rewards are computed.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/held_reward.h"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class DeterminismTest : public ::testing::Test {
 protected:
  // Trains into a new folder and returns its hash.
  std::string Train(const std::string& name,
                    const std::vector<std::string>& more) {
    const std::string run_dir = Dir(name);
    const ProgramResult result = RunProgram(TinyTrain(run_dir, more));
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return HashOf(run_dir);
  }
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  // All samples with rewards and advantages, as text.
  std::string Samples(const std::string& name) {
    return RunProgram({"samples", Dir(name), "--json", "--limit", "0"}).out;
  }
  // Of a run whose middle can be held.
  std::vector<std::string> TwelveSteps() const {
    std::vector<std::string> more = held_.RulesAndPlugin();
    more.insert(more.end(),
                {"--set", "rl.steps=12", "--set", "checkpoint.every=5"});
    return more;
  }
  // Such a run, interrupted after its first step and before its last.
  ProgramResult CutInTheMiddle(const std::string& name,
                               const std::vector<std::string>& more) {
    held_.Hold();
    Program run(TinyTrain(Dir(name), more));
    EXPECT_TRUE(run.WaitForText("rl 1/12")) << run.err();
    run.Kill(SIGINT);
    held_.Release();
    return run.Wait();
  }

  TestFolder folder_;
  // Two steps are over by then.
  const HeldReward held_{folder_.path(), 40};
};

TEST_F(DeterminismTest, EqualForAnyNumberOfWorkersAndThreads) {
  const std::string hash = Train("0", {"--threads", "2"});
  EXPECT_THAT(hash, MatchesRegex("[0-9a-f]{64}"));
  EXPECT_EQ(Train("1", {"--workers", "1"}), hash);
  EXPECT_EQ(Train("3", {"--workers", "3"}), hash);
  EXPECT_EQ(Train("t1", {"--threads", "1"}), hash);
  // The weights did change, or equal hashes would say nothing.
  EXPECT_NE(HashOf(Dir("0") + "/stages/rl/checkpoints/step-0"), hash);
  const std::string samples = Samples("0");
  EXPECT_EQ(Samples("3"), samples);
  EXPECT_EQ(Samples("t1"), samples);
  // Another seed is another run.
  EXPECT_NE(Train("seed", {"--set", "seed=2"}), hash);
}

// Merged weights go to workers as any others do.
TEST_F(DeterminismTest, AdaptersToo) {
  const std::vector<std::string> lora = {"--set", "rl.lora={rank: 4}", "--set",
                                         "rl.learning_rate=1e-2"};
  const auto train = [&](const std::string& name,
                         std::vector<std::string> more) {
    more.insert(more.end(), lora.begin(), lora.end());
    const std::string hash = Train(name, more);
    const std::string metrics =
        RunProgram({"metrics", Dir(name), "--json"}).out;
    EXPECT_THAT(metrics, HasSubstr("max_logprob_mismatch"));
    for (absl::string_view line : absl::StrSplit(metrics, '\n')) {
      const auto row = nlohmann::json::parse(line, nullptr, false);
      if (!row.is_object() || !row.contains("max_logprob_mismatch")) continue;
      EXPECT_EQ(row["max_logprob_mismatch"], 0) << line;
    }
    return hash;
  };
  for (const std::string dtype : {"F32", "BF16"}) {
    const std::string set = absl::StrCat("dtype=", dtype);
    const std::string hash = train(dtype + "0", {"--set", set});
    EXPECT_EQ(train(dtype + "1", {"--set", set, "--workers", "1"}), hash);
    EXPECT_NE(HashOf(Dir(dtype + "0") + "/stages/rl/checkpoints/step-0"), hash);
  }
}

// Also in the stage of adapters that comes first, whose W0 is its step 0.
TEST_F(DeterminismTest, AdaptersGoOnAfterAKill) {
  const std::vector<std::string> lora = {
      "--set",
      "stage={name: \"sft\" from: \"pretrain\" lora {rank: 4} "
      "supervised {steps: 400 batch_tokens: 1024}}",
      "--set",
      "rl.from=sft",
      "--set",
      "rl.lora={rank: 4}"};
  const std::string hash = Train("whole", lora);
  for (const char* text : {"sft 1/400", "rl 1/"}) {
    Program run(TinyTrain(Dir("cut"), lora));
    ASSERT_TRUE(run.WaitForText(text)) << run.err();
    run.Kill(SIGKILL);
    run.Wait();
  }
  EXPECT_EQ(Train("cut", lora), hash);
}

// As on a machine whose way to the Internet is a proxy.
TEST_F(DeterminismTest, AProxyInTheEnvironmentIsNotForWorkers) {
  std::vector<std::string> arguments = {"http_proxy=http://127.0.0.1:1",
                                        Program::BinaryPath()};
  for (const std::string& argument :
       TinyTrain(Dir("run"), {"--workers", "1", "--set", "rl.steps=1"})) {
    arguments.push_back(argument);
  }
  Program program(arguments, "/usr/bin/env");
  const ProgramResult result = program.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out + result.err, HasSubstr("is finished"));
}

TEST_F(DeterminismTest, SummaryHoldsTheNumbersOfTheRun) {
  const std::string hash = Train("run", {});
  const auto summary =
      nlohmann::json::parse(*ReadFile(Dir("run") + "/summary.json"));
  EXPECT_EQ(summary["checkpoint_sha256"], hash);
  EXPECT_EQ(summary["rl_steps"], 3);
  EXPECT_EQ(summary["seed"], 1);
  EXPECT_EQ(summary["max_logprob_mismatch"], 0.0);
  EXPECT_GT(summary["wall_seconds"], 0.0);
  EXPECT_GT(summary["first_rl_step_seconds"], 0.0);
  EXPECT_LT(summary["first_rl_step_seconds"], summary["wall_seconds"]);
  for (const char* key : {"base_pass1", "final_pass1", "base_format",
                          "final_format", "base_mean_length"}) {
    EXPECT_TRUE(summary[key].is_number()) << key;
  }
  EXPECT_EQ(summary["eval_judge"], "countdown");
  EXPECT_EQ(summary["final_errors"], 0.0);
  // The evaluation is the one that `r1 eval` makes of the two checkpoints.
  const ProgramResult eval = RunProgram({"eval", Dir("run"), "--json"});
  ASSERT_EQ(eval.exit_code, 0) << eval.err;
  EXPECT_EQ(nlohmann::json::parse(eval.out)["pass@1"], summary["final_pass1"]);
  const ProgramResult base =
      RunProgram({"eval", Dir("run") + "/stages/rl/checkpoints/step-0",
                  "--json", "--threads", "1"});
  ASSERT_EQ(base.exit_code, 0) << base.err;
  EXPECT_EQ(nlohmann::json::parse(base.out)["mean_length"],
            summary["base_mean_length"]);
}

// Processes whose parent is `pid`.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int child = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &child)) continue;
    const auto stat = ReadFile(entry.path().string() + "/stat");
    if (!stat.ok()) continue;  // it has ended
    // "PID (NAME) STATE PARENT ..."
    const std::vector<std::string> fields =
        absl::StrSplit(stat->substr(stat->rfind(')') + 2), ' ');
    if (fields.at(1) == absl::StrCat(pid) && fields[0] != "Z") {
      children.push_back(child);
    }
  }
  return children;
}

TEST_F(DeterminismTest, AnEvaluationIsEqualForAnyWorkersAndTheirDeaths) {
  Train("run", {});
  const auto arguments = [&](const std::string& workers) {
    return std::vector<std::string>{"eval",       Dir("run"),  "--json",
                                    "--problems", "100",       "--samples",
                                    "8",          "--workers", workers};
  };
  const ProgramResult alone = RunProgram(arguments("0"));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_EQ(nlohmann::json::parse(alone.out)["problems"], 100);
  EXPECT_EQ(nlohmann::json::parse(alone.out)["judge"], "countdown");
  EXPECT_EQ(RunProgram(arguments("1")).out, alone.out);
  EXPECT_EQ(RunProgram(arguments("3")).out, alone.out);
  Program disturbed(arguments("2"));
  const absl::Time end = absl::Now() + absl::Minutes(1);
  for (int kills = 0; kills < 3 && disturbed.out().empty();) {
    ASSERT_LT(absl::Now(), end) << disturbed.err();
    absl::SleepFor(absl::Milliseconds(5));  // a poll, not a wait
    const std::vector<pid_t> workers = ChildrenOf(disturbed.pid());
    if (workers.size() == 2 && ::kill(workers[kills % 2], SIGKILL) == 0) {
      ++kills;
    }
  }
  const ProgramResult result = disturbed.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, alone.out);
}

TEST_F(DeterminismTest, AFinishedRunSaysSo) {
  const std::string hash = Train("run", {});
  const ProgramResult again = RunProgram(TinyTrain(Dir("run")));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("is finished already"));
  EXPECT_EQ(HashOf(Dir("run")), hash);
}

TEST_F(DeterminismTest, ASecondProcessOnARunIsRefused) {
  Program first(TinyTrain(Dir("run"), {"--set", "rl.steps=100000"}));
  ASSERT_TRUE(first.WaitForText("rl 1/")) << first.err();
  const ProgramResult second =
      RunProgram(TinyTrain(Dir("run"), {"--set", "rl.steps=100000"}));
  EXPECT_EQ(second.exit_code, 75);
  EXPECT_THAT(second.err,
              HasSubstr(absl::StrCat("is held by process ", first.pid())));
}

// 0.0.0.0 is an address to listen on, none to join.
TEST_F(DeterminismTest, ARunOnAllAddressesNamesItsMachine) {
  Program train(TinyTrain(Dir("run"), {"--listen", "0.0.0.0:0"}));
  ASSERT_TRUE(train.WaitForText("workers may join")) << train.err();
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof(host) - 1), 0);
  EXPECT_TRUE(train.WaitForText(absl::StrCat("--join ", host, ":")))
      << train.err();
}

TEST_F(DeterminismTest, CtrlCStopsAtAStepAndTheRunGoesOn) {
  const std::vector<std::string> more = TwelveSteps();
  const std::string hash = Train("whole", more);
  const ProgramResult cut = CutInTheMiddle("cut", more);
  EXPECT_EQ(cut.exit_code, 75) << cut.out;
  EXPECT_THAT(cut.err, HasSubstr("r1: interrupted after rl step"));
  const ProgramResult rest = RunProgram(TinyTrain(Dir("cut"), more));
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.out, HasSubstr("rl: going on after step"));
  EXPECT_EQ(HashOf(Dir("cut")), hash);
  EXPECT_EQ(Samples("cut"), Samples("whole"));
}

// What the message about a damaged run.db promises.
TEST_F(DeterminismTest, ALostDatabaseCostsItsNumbersNotTheRun) {
  const std::vector<std::string> more = TwelveSteps();
  const std::string hash = Train("whole", more);
  ASSERT_EQ(CutInTheMiddle("cut", more).exit_code, 75);
  for (const char* name : {"/run.db", "/run.db-wal", "/run.db-shm"}) {
    ASSERT_TRUE(RemoveAll(Dir("cut") + name).ok());
  }
  const ProgramResult rest = RunProgram(TinyTrain(Dir("cut"), more));
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(HashOf(Dir("cut")), hash);
  // The evaluation of the base is gone; another must not stand in for it.
  const auto summary =
      nlohmann::json::parse(*ReadFile(Dir("cut") + "/summary.json"));
  EXPECT_TRUE(summary["base_pass1"].is_null()) << summary;
  EXPECT_TRUE(summary["final_pass1"].is_number()) << summary;
}

// A rule that compares the samples of a prompt waits for all of them; scoring
// the recorded samples again finds the same totals.
TEST_F(DeterminismTest, SamplesAreComparedAlikeEverywhere) {
  const std::vector<std::string> rules = {
      "--set",
      "reward.rule=[{name: \"countdown\" option {key: \"gate\" value: \"0\"}}, "
      "{name: \"tag_count\" weight: 0.5}, {name: \"group_length\" "
      "option {key: \"answer\" value: \"countdown\"}}]"};
  std::vector<std::string> workers = rules;
  workers.insert(workers.end(), {"--workers", "3"});
  EXPECT_EQ(Train("here", rules), Train("workers", workers));
  EXPECT_EQ(Samples("workers"), Samples("here"));
  EXPECT_THAT(Samples("here"), HasSubstr("\"group_length\":-0.5"));
  const ProgramResult again = RunProgram({"reward", "rescore", Dir("here")});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.err,
            "48 samples, 0 verdicts differ: 0 up, 0 down, 0 of another kind\n");
}

TEST_F(DeterminismTest, AWorkerOfItsOwnMayJoinAndOneOfAnotherBuildMayNot) {
  const std::vector<std::string> more = TwelveSteps();
  const std::string hash = Train("alone", more);
  std::vector<std::string> listening = more;
  listening.insert(listening.end(), {"--listen", "127.0.0.1:0"});
  held_.Hold();
  Program learner(TinyTrain(Dir("joined"), listening));
  ASSERT_TRUE(learner.WaitForText("r1 worker --join ")) << learner.err();
  const std::string text = learner.err();
  const std::string rest = text.substr(text.find("--join ") + 7);
  const std::string address = rest.substr(0, rest.find_first_of(" \n"));

  Program worker({"worker", "--join", address, "--name", "guest"});
  // The same program with one byte more is another build.
  const std::string other = folder_.path() + "/other-r1";
  ASSERT_TRUE(
      WriteFileAtomic(other, *ReadFile(Program::BinaryPath()) + "x").ok());
  ASSERT_EQ(::chmod(other.c_str(), 0755), 0);
  Program stranger({"worker", "--join", address}, other);
  const ProgramResult refused = stranger.Wait();
  EXPECT_TRUE(learner.WaitForText("worker guest joined")) << learner.err();
  held_.Release();
  const ProgramResult finished = learner.Wait();
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(refused.exit_code, 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("build"));
  EXPECT_EQ(worker.Wait().exit_code, 0);
  EXPECT_EQ(HashOf(Dir("joined")), hash);
}

}  // namespace
}  // namespace r1
