#include "pipeline/services/worker_processes.h"

#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Collects what the callbacks and the log say, and waits for it.
class Witness {
 public:
  void Note(const std::string& message) {
    std::lock_guard<std::mutex> lock(mutex_);
    messages_.push_back(message);
    changed_.notify_all();
  }
  // True once `count` messages hold `part`.
  bool WaitFor(const std::string& part, int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(4),
                             [&] { return Count(part) >= count; });
  }
  std::vector<std::string> messages() {
    std::lock_guard<std::mutex> lock(mutex_);
    return messages_;
  }

 private:
  int Count(const std::string& part) const {
    int count = 0;
    for (const std::string& message : messages_) {
      count += absl::StrContains(message, part);
    }
    return count;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
};

// The children are this test program with arguments of their own; see main.
WorkerProcessOptions Options(Witness* witness,
                             std::vector<std::string> arguments) {
  WorkerProcessOptions options;
  options.arguments = std::move(arguments);
  options.on_event = [witness](const std::string& message) {
    witness->Note("event: " + message);
  };
  options.on_failure = [witness](const absl::Status& error) {
    witness->Note("failure: " + std::string(error.message()));
  };
  return options;
}

class WorkerProcessesTest : public ::testing::Test {
 protected:
  WorkerProcessesTest() {
    SetLogSink([this](const std::string& line) { witness_.Note(line); });
  }
  ~WorkerProcessesTest() override { SetLogSink({}); }
  Witness witness_;
};

TEST_F(WorkerProcessesTest, OneThatKeepsEndingIsStartedAgainThenGivenUp) {
  auto processes =
      WorkerProcesses::Start(Options(&witness_, {"worker", "--print-and-end"}));
  ASSERT_TRUE(processes.ok()) << processes.status();
  EXPECT_TRUE(witness_.WaitFor("worker 1 ended with code 0; starting it again",
                               kMaxFailures - 1));
  EXPECT_TRUE(
      witness_.WaitFor("failure: worker 1 ended with code 0, 5 times", 1));
  // What it printed is in the log, with its number.
  EXPECT_TRUE(witness_.WaitFor("worker 1: hello", 1));
}

TEST_F(WorkerProcessesTest, StopEndsAllOfThem) {
  WorkerProcessOptions options = Options(&witness_, {"worker", "--sleep"});
  options.count = 3;
  auto processes = WorkerProcesses::Start(options);
  ASSERT_TRUE(processes.ok()) << processes.status();
  ASSERT_TRUE(witness_.WaitFor(": ready", 3));
  // SIGTERM is enough: nobody waits for the grace to pass.
  (*processes)->Stop(absl::Hours(1));
}

// Workers that the coordinator has sent home end by themselves.
TEST_F(WorkerProcessesTest, AnExpectedEndIsNoEvent) {
  auto processes =
      WorkerProcesses::Start(Options(&witness_, {"worker", "--sleep"}));
  ASSERT_TRUE(processes.ok()) << processes.status();
  ASSERT_TRUE(witness_.WaitFor(": ready", 1));
  const std::string ready = witness_.messages().back();
  const pid_t pid = std::stoi(ready.substr(ready.rfind(' ')));
  (*processes)->ExpectEnd();
  ::kill(pid, SIGTERM);
  while (::kill(pid, 0) == 0) absl::SleepFor(absl::Milliseconds(1));  // reaped
  (*processes)->Stop(absl::ZeroDuration());
  EXPECT_THAT(witness_.messages(), ElementsAre(ready));
}

TEST_F(WorkerProcessesTest, AKilledOneIsStartedAgain) {
  auto processes =
      WorkerProcesses::Start(Options(&witness_, {"worker", "--kill-itself"}));
  ASSERT_TRUE(processes.ok()) << processes.status();
  EXPECT_TRUE(witness_.WaitFor(
      "worker 1 was killed by signal 9 (Killed); starting", 6));
  (*processes)->Stop(absl::ZeroDuration());
}

// As one that a scheduler's signal reached.
TEST_F(WorkerProcessesTest, OneThatAsksToRunAgainHasNotFailed) {
  auto processes =
      WorkerProcesses::Start(Options(&witness_, {"worker", "--run-me-again"}));
  ASSERT_TRUE(processes.ok()) << processes.status();
  EXPECT_TRUE(witness_.WaitFor("worker 1 ended with code 75; starting",
                               kMaxFailures + 1));
  (*processes)->Stop(absl::ZeroDuration());
}

}  // namespace
}  // namespace r1

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "--print-and-end") {
    std::printf("hello\n");
    return 0;
  }
  if (role == "--sleep") {
    std::printf("ready %d\n", ::getpid());
    std::fflush(stdout);
    ::pause();  // until a signal ends it
  }
  if (role == "--run-me-again") return 75;
  if (role == "--kill-itself") ::raise(SIGKILL);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
