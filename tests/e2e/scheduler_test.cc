// What a scheduler relies on: exit codes, signals, and workers that outlive a
// learner.
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

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

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// More steps than a learner can do while a test looks at it.
const std::vector<std::string> kEndless = {"--set", "rl.steps=100000", "--set",
                                           "checkpoint.every=100000"};

// The only child of a process; 0 if it has none.
pid_t ChildOf(pid_t parent) {
  const std::string tasks = absl::StrCat("/proc/", parent, "/task");
  const std::vector<std::string> names =
      ListDirectory(tasks).value_or(std::vector<std::string>());
  for (const std::string& task : names) {
    int child = 0;
    const std::string children =
        ReadFile(absl::StrCat(tasks, "/", task, "/children")).value_or("");
    if (absl::SimpleAtoi(children.substr(0, children.find(' ')), &child)) {
      return child;
    }
  }
  ADD_FAILURE() << parent << " has no child";
  return 0;
}

class SchedulerTest : public ::testing::Test {
 protected:
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  // A learner whose samples all come from workers that join. Leases are short,
  // so that a worker soon looks where the learner is now.
  std::unique_ptr<Program> StartLearner(
      const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"--workers", "none",
                                    "--listen",  "127.0.0.1:0",
                                    "--set",     "rollout.lease_seconds=1"};
    all.insert(all.end(), more.begin(), more.end());
    return std::make_unique<Program>(TinyTrain(Dir(name), all));
  }
  std::unique_ptr<Program> StartWorker(const std::string& name,
                                       const std::string& worker) {
    return std::make_unique<Program>(std::vector<std::string>{
        "worker", "--join", Dir(name), "--name", worker, "--threads", "1"});
  }
  std::string HashOfRunAlone(const std::vector<std::string>& more) {
    const ProgramResult result = RunProgram(TinyTrain(Dir("alone"), more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return HashOf(Dir("alone"));
  }

  TestFolder folder_;
};

TEST_F(SchedulerTest, ExitCodes) {
  // 0: done, and done before.
  EXPECT_EQ(RunProgram(TinyTrain(Dir("run"))).exit_code, 0);
  EXPECT_EQ(RunProgram(TinyTrain(Dir("run"))).exit_code, 0);
  EXPECT_EQ(RunProgram({"worker", "--join", Dir("run")}).exit_code, 0);
  // 1: would fail again.
  EXPECT_EQ(RunProgram(TinyTrain(Dir("x"), {"--set", "rl.steps=-1"})).exit_code,
            1);
  EXPECT_EQ(RunProgram({"train", Dir("none"), "--run-dir", Dir("x")}).exit_code,
            1);
  EXPECT_EQ(
      RunProgram({"train", folder_.path(), "--run-dir", Dir("x")}).exit_code,
      1);
  EXPECT_EQ(RunProgram({"metrics", Dir("none")}).exit_code, 1);
  EXPECT_EQ(RunProgram({"reward", "score", "--rule", "nonsense", "/dev/null"})
                .exit_code,
            1);
  // 2: wrong usage.
  EXPECT_EQ(RunProgram({"train"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"worker"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"nonsense"}).exit_code, 2);
  EXPECT_EQ(RunProgram(TinyTrain(Dir("x"), {"--workers", "some"})).exit_code,
            2);
  EXPECT_EQ(RunProgram(TinyTrain(Dir("x"), {"--workers", "-1"})).exit_code, 2);
  const ProgramResult deaf =
      RunProgram(TinyTrain(Dir("x"), {"--workers", "none"}));
  EXPECT_EQ(deaf.exit_code, 2);
  EXPECT_THAT(deaf.err, HasSubstr("--listen HOST:PORT"));
  EXPECT_FALSE(FileExists(Dir("x")));
  // 75: goes on, once what is missing is there.
  EXPECT_EQ(RunProgram(
                {"worker", "--join", "127.0.0.1:1", "--reconnect-seconds", "0"})
                .exit_code,
            75);
  EXPECT_EQ(
      RunProgram({"worker", "--join", Dir("later"), "--reconnect-seconds", "0"})
          .exit_code,
      75);
  Program server({"reward-server", "--listen", "127.0.0.1:0"});
  ASSERT_TRUE(server.WaitForText("listens on "));
  server.Kill(SIGTERM);
  const ProgramResult stopped = server.Wait();
  EXPECT_EQ(stopped.exit_code, 75);
  EXPECT_THAT(stopped.err, HasSubstr("stopped by a signal"));
  EXPECT_THAT(RunProgram({"--help"}).out, HasSubstr("75 "));
}

// With more steps each time, until the run is not over before it is disturbed.
std::vector<std::string> Steps(int count) {
  return {"--set", absl::StrCat("rl.steps=", count), "--set",
          "checkpoint.every=100"};
}

// The second learner listens on another port; workers follow.
TEST_F(SchedulerTest, WorkersOutliveAnInterruptedLearner) {
  std::unique_ptr<Program> early, late, learner;
  std::string name, address;
  int steps = 16;
  ProgramResult cut;
  do {
    steps *= 2;
    name = absl::StrCat("run", steps);
    early = StartWorker(name, "early");  // before there is a folder
    ASSERT_TRUE(early->WaitForText("no learner has listened"));
    learner = StartLearner(name, Steps(steps));
    ASSERT_TRUE(learner->WaitForText("worker early joined")) << learner->err();
    late = StartWorker(name, "late");
    ASSERT_TRUE(learner->WaitForText("rl 1/")) << learner->err();
    address =
        nlohmann::json::parse(*ReadFile(Dir(name) + "/owner.json"))["address"];
    learner->Kill(SIGTERM);
    cut = learner->Wait();
  } while (cut.exit_code == 0);
  EXPECT_EQ(cut.exit_code, 75) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("interrupted after rl step"));
  ASSERT_TRUE(early->WaitForText("lost the coordinator")) << early->err();
  // Its port is taken, so that the next learner gets another.
  Program port({"reward-server", "--listen", address});
  ASSERT_TRUE(port.WaitForText("listens on ")) << port.err();
  learner = StartLearner(name, Steps(steps));
  const ProgramResult rest = learner->Wait();
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.err, Not(HasSubstr(address)));
  EXPECT_EQ(early->Wait().exit_code, 0);
  EXPECT_EQ(late->Wait().exit_code, 0);
  EXPECT_EQ(HashOf(Dir(name)), HashOfRunAlone(Steps(steps)));
  // One that comes when all is done has nothing to do.
  EXPECT_EQ(StartWorker(name, "too late")->Wait().exit_code, 0);
}

TEST_F(SchedulerTest, APreemptedWorkerLeavesAndTheOthersGoOn) {
  std::unique_ptr<Program> learner, preempted, other;
  std::string name;
  int steps = 16;
  ProgramResult left;
  do {
    steps *= 2;
    name = absl::StrCat("run", steps);
    learner = StartLearner(name, Steps(steps));
    preempted = StartWorker(name, "preempted");
    ASSERT_TRUE(learner->WaitForText("rl 1/")) << learner->err();
    other = StartWorker(name, "other");
    preempted->Kill(SIGTERM);
    left = preempted->Wait();
  } while (left.exit_code == 0);
  EXPECT_EQ(left.exit_code, 75) << left.err;
  EXPECT_THAT(left.err, ContainsRegex("r1: the worker left .* at a signal "
                                      "before the run is over"));
  const ProgramResult result = learner->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("worker preempted left"));
  EXPECT_EQ(other->Wait().exit_code, 0);
  EXPECT_EQ(HashOf(Dir(name)), HashOfRunAlone(Steps(steps)));
}

// Where nobody samples the run waits, says so, and stops when it is asked to.
TEST_F(SchedulerTest, ALearnerWithoutWorkersSaysWhomItAwaits) {
  auto learner = StartLearner("run");
  ASSERT_TRUE(learner->WaitForText("workers may join: r1 worker --join"));
  ASSERT_TRUE(learner->WaitForText("--workers none"));
  learner->Kill(SIGTERM);
  const ProgramResult result = learner->Wait();
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_THAT(result.err,
              HasSubstr("r1: interrupted while evaluating rl step 0"));
}

TEST_F(SchedulerTest, TheLockNamesHostProcessAndJob) {
  std::vector<std::string> arguments = {"-u",
                                        "SLURM_ARRAY_JOB_ID",
                                        "-u",
                                        "SLURM_ARRAY_TASK_ID",
                                        "SLURM_JOB_ID=4711",
                                        Program::BinaryPath()};
  for (const std::string& argument : TinyTrain(Dir("run"), kEndless)) {
    arguments.push_back(argument);
  }
  auto holder = std::make_unique<Program>(arguments, "/usr/bin/env");
  ASSERT_TRUE(holder->WaitForText("rl 1/")) << holder->err();
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof(host) - 1), 0);
  const ProgramResult second = RunProgram(TinyTrain(Dir("run"), kEndless));
  EXPECT_EQ(second.exit_code, 75);
  EXPECT_THAT(second.err,
              HasSubstr(absl::StrCat(Dir("run"), "/lock is held by process ",
                                     holder->pid(), " on ", host,
                                     ", Slurm job 4711, since 20")));
  // What a dead holder wrote is of no account.
  holder.reset();  // SIGKILL
  Program third(TinyTrain(Dir("run"), kEndless));
  EXPECT_TRUE(third.WaitForText("rl 1/")) << third.err();
}

// A scheduler signals every process of a job, and more than once.
TEST_F(SchedulerTest, RepeatedSignalsChangeNothing) {
  std::vector<std::string> more = kEndless;
  more.insert(more.end(), {"--workers", "1"});
  Program learner(TinyTrain(Dir("run"), more));
  ASSERT_TRUE(learner.WaitForText("rl 1/")) << learner.err();
  // A worker comes back for the rest of the step, which is no failure of its.
  const pid_t worker = ChildOf(learner.pid());
  ASSERT_GT(worker, 0);
  ::kill(worker, SIGTERM);
  ASSERT_TRUE(
      learner.WaitForText("worker 1 ended with code 75; starting it again"))
      << learner.err();
  for (int i = 0; i < 1000; ++i) learner.Kill(SIGTERM);
  const ProgramResult result = learner.Wait();
  EXPECT_EQ(result.exit_code, 75) << result.err;
  EXPECT_THAT(result.err, HasSubstr("interrupted after rl step"));
  // Of step 0 and what was saved just now.
  EXPECT_EQ(ListDirectory(Dir("run") + "/stages/rl/checkpoints")->size(), 2u);
}

}  // namespace
}  // namespace r1
