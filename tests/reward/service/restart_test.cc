// kill -9 of the reward server in the middle of a run.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reward/service/channel.h"
#include "reward/service/client.h"
#include "tests/base/reserved_port.h"
#include "tests/reward/reward_testing.h"
#include "tests/reward/service/grpc_testing.h"

namespace r1 {
namespace {

// The test server as a child process; killed with SIGKILL.
class ServerProcess {
 public:
  ServerProcess(std::string address, int num_items) {
    int in[2], out[2];
    EXPECT_EQ(pipe(in), 0);
    EXPECT_EQ(pipe(out), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) {
      posix_spawn_file_actions_addclose(&actions, fd);
    }
    std::string program = R1_REWARD_TEST_SERVER;
    std::string items = absl::StrCat(num_items);
    char* argv[] = {program.data(), address.data(), items.data(), nullptr};
    EXPECT_EQ(
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    stdin_ = in[1];
    stdout_ = out[0];
  }
  ~ServerProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(stdin_);
    close(stdout_);
  }

  // The next line that it prints: first its address, then that it stands
  // still. Empty if it has ended.
  std::string NextLine() {
    std::string line;
    for (char c = 0; read(stdout_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  pid_t pid_ = -1;
  int stdin_ = -1, stdout_ = -1;
};

// Each server is killed with calls under way, at an item that it never scores.
TEST(RewardRestartTest, AServerKilledAndRestartedLosesNothing) {
  constexpr int kSamples = 2000, kKills = 5, kItemsEach = 200;
  const ReservedPort port;
  LogCapture log;
  RewardClientOptions options;
  options.rules = {MakeSpec("length", 2)};
  options.max_batch_items = 64;
  options.call_timeout = absl::Hours(1);
  RewardClient client(*MakeRewardEndpoints({port.address()}), options);
  for (int i = 0; i < kSamples; ++i) {
    client.Submit(MakeItem(std::string(i, 'x'), "{}", absl::StrCat(i)));
  }
  for (int kill = 0; kill < kKills; ++kill) {
    ServerProcess server(port.address(), kItemsEach);
    ASSERT_EQ(server.NextLine(), port.address());
    ASSERT_EQ(server.NextLine(), "stands still");
  }
  ServerProcess server(port.address(), kSamples);
  std::set<int> seen;
  for (int taken = 0; taken < kSamples; ++taken) {
    const auto result = client.Next(absl::Now() + absl::Minutes(4));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->kind(), REWARD_SCORE) << result->detail();
    const int id = std::stoi(result->id());
    EXPECT_EQ(result->total(), 2.0 * id);
    EXPECT_TRUE(seen.insert(id).second) << id << " came twice";
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kSamples));
  EXPECT_EQ(client.num_outstanding(), 0);
  EXPECT_GE(log.CountLines("UNAVAILABLE"), kKills);
  EXPECT_GE(log.CountLines("answers again after"), kKills);
}

}  // namespace
}  // namespace r1
