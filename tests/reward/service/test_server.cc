// A reward server in a process of its own, for tests that kill it.
// Usage: reward_test_server HOST:PORT ITEMS. Prints the address it listens on.
// Scores so many items; at the next it stands still and prints another line.
// Ends when its standard input does.
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/synchronization/notification.h"
#include "reward/builtin_rules.h"
#include "reward/service/server.h"
#include "tests/reward/reward_testing.h"

int main(int argc, char** argv) {
  int num_items = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &num_items)) return 2;
  r1::RewardRegistry registry = r1::BuiltinRewardRules();
  // One thread.
  const auto length = [&num_items](const r1::RewardItem& item,
                                   const r1::RuleContext&) {
    if (num_items-- == 0) {
      std::printf("stands still\n");
      std::fflush(stdout);
      absl::Notification().WaitForNotification();
    }
    return r1::RuleResult::Score(static_cast<double>(item.completion().size()));
  };
  if (!registry.Register("length", r1::MakeRule(length)).ok()) return 1;
  r1::RewardServiceOptions options;
  options.threads = 1;
  auto server = r1::RewardServer::Start(argv[1], std::move(registry), options);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    return 1;
  }
  std::printf("%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
