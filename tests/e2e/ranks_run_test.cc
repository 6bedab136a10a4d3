// Ranks that train together: processes of one run, which may die at any moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The ranks that a process has started and that have not ended.
std::vector<pid_t> RanksOf(pid_t parent) {
  std::vector<pid_t> ranks;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    std::ifstream stat(entry.path() / "stat"),
        command(entry.path() / "cmdline");
    std::string line, arguments;
    std::getline(stat, line);
    std::getline(command, arguments);  // empty once it has ended
    const std::vector<std::string> fields =
        absl::StrSplit(line.substr(line.rfind(')') + 1), ' ');
    if (fields.size() < 3 || fields[2] != absl::StrCat(parent)) continue;
    if (absl::StrContains(arguments, std::string("r1\0rank\0", 8))) {
      ranks.push_back(pid);
    }
  }
  return ranks;
}

bool IsThere(pid_t pid) {
  std::ifstream command(absl::StrCat("/proc/", pid, "/cmdline"));
  std::string arguments;
  std::getline(command, arguments);
  return absl::StrContains(arguments, std::string("r1\0rank\0", 8));
}

class RanksE2eTest : public ::testing::Test {
 protected:
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::vector<std::string> Arguments(const std::string& name, int ranks,
                                     int steps = 3) const {
    return TinyTrain(Dir(name), {"--ranks", absl::StrCat(ranks), "--set",
                                 absl::StrCat("rl.steps=", steps), "--set",
                                 "learner.gradient_shards=4"});
  }
  std::string Train(const std::string& name, int ranks, int steps = 3) const {
    const ProgramResult result = RunProgram(Arguments(name, ranks, steps));
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return HashOf(Dir(name));
  }

  TestFolder folder_;
};

TEST_F(RanksE2eTest, TheNumberOfRanksIsNoMatter) {
  const std::string hash = Train("1", 1);
  EXPECT_EQ(Train("2", 2), hash);
  EXPECT_EQ(Train("4", 4), hash);
}

// Stopped, killed, and gone on with by other numbers of ranks.
TEST_F(RanksE2eTest, AnInterruptedRunGoesOnWithAnyOther) {
  const std::string want = Train("whole", 1, 12);
  {
    Program run(Arguments("cut", 2, 12));
    ASSERT_TRUE(run.WaitForText("rl 1/12")) << run.err();
    run.Kill(SIGTERM);
    EXPECT_EQ(run.Wait().exit_code, 75);
  }
  {
    Program run(Arguments("cut", 4, 12));
    ASSERT_TRUE(run.WaitForText("ranks train together")) << run.err();
    ASSERT_TRUE(run.WaitForText("rl ")) << run.err();
    run.Kill(SIGKILL);
    run.Wait();
  }
  EXPECT_EQ(Train("cut", 1, 12), want);
}

TEST_F(RanksE2eTest, ALostRankEndsTheRunWhichGoesOn) {
  const std::string want = Train("whole", 1, 40);
  for (const int signal : {SIGKILL, SIGSTOP}) {
    Program run(Arguments("lost", 2, 40));
    ASSERT_TRUE(run.WaitForText("ranks train together")) << run.err();
    const std::vector<pid_t> ranks = RanksOf(run.pid());
    ASSERT_THAT(ranks, SizeIs(1));
    ::kill(ranks[0], signal);
    const ProgramResult result = run.Wait();
    EXPECT_EQ(result.exit_code, 75) << result.err;
    EXPECT_THAT(result.err, AnyOf(HasSubstr("r1: rank 1 is gone"),
                                  HasSubstr("r1: rank 1 was killed")));
    EXPECT_FALSE(IsThere(ranks[0]));
  }
  EXPECT_EQ(Train("lost", 2, 40), want);
}

TEST_F(RanksE2eTest, RanksDoNotOutliveTheirLearner) {
  Program run(Arguments("killed", 4, 200));
  ASSERT_TRUE(run.WaitForText("ranks train together")) << run.err();
  const std::vector<pid_t> ranks = RanksOf(run.pid());
  ASSERT_THAT(ranks, SizeIs(3));
  run.Kill(SIGKILL);
  run.Wait();
  for (const pid_t rank : ranks) {
    while (IsThere(rank)) absl::SleepFor(absl::Milliseconds(20));
  }
}

TEST_F(RanksE2eTest, ANumberThatDoesNotDivideIsNamed) {
  const ProgramResult result = RunProgram(Arguments("bad", 3));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "r1: --ranks 3: does not divide the 4 gradient shards of stage "
            "pretrain: expected a power of two up to 4, or set "
            "learner.gradient_shards of a run that has not begun\n");
  EXPECT_FALSE(std::filesystem::exists(Dir("bad")));
}

}  // namespace
}  // namespace r1
