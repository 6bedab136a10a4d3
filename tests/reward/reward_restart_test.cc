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
#include "reward/reward_channel.h"
#include "reward/reward_client.h"
#include "tests/reward/reward_grpc_testing.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// The test server as a child process; killed with SIGKILL.
class ServerProcess {
 public:
  explicit ServerProcess(std::string address) {
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
    char* argv[] = {program.data(), address.data(), nullptr};
    EXPECT_EQ(
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    stdin_ = in[1];
    for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) address_ += c;
    close(out[0]);
  }
  ~ServerProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(stdin_);
  }

  // Empty if it did not start.
  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = -1;
  int stdin_ = -1;
  std::string address_;
};

TEST(RewardRestartTest, AServerKilledAndRestartedLosesNothing) {
  constexpr int kSamples = 2000, kKills = 5;
  auto server = std::make_unique<ServerProcess>("127.0.0.1:0");
  const std::string address = server->address();
  ASSERT_NE(address, "");
  LogCapture log;
  RewardClientOptions options;
  options.rules = {MakeSpec("length", 2)};
  options.max_batch_items = 64;
  options.call_timeout = absl::Minutes(1);
  RewardClient client(*MakeRewardEndpoints({address}), options);
  for (int i = 0; i < kSamples; ++i) {
    client.Submit(MakeItem(std::string(i, 'x'), "{}", absl::StrCat(i)));
  }
  std::set<int> seen;
  for (int taken = 0; taken < kSamples; ++taken) {
    if (taken % (kSamples / (kKills + 1)) == 1 && taken > 1) {
      server.reset();
      server = std::make_unique<ServerProcess>(address);
      ASSERT_EQ(server->address(), address);
    }
    const auto result = client.Next(absl::Now() + absl::Minutes(4));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->kind(), REWARD_SCORE) << result->detail();
    const int id = std::stoi(result->id());
    EXPECT_EQ(result->total(), 2.0 * id);
    EXPECT_TRUE(seen.insert(id).second) << id << " came twice";
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kSamples));
  EXPECT_EQ(client.num_outstanding(), 0);
  // Each kill met calls under way.
  EXPECT_GE(log.CountLines("UNAVAILABLE"), kKills);
  EXPECT_GE(log.CountLines("answers again after"), kKills);
}

}  // namespace
}  // namespace r1
