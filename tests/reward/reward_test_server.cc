// A reward server in a process of its own, for tests that kill it.
// Usage: reward_test_server HOST:PORT. Prints the address it listens on; ends
// when its standard input does.
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "reward/builtin_rules.h"
#include "reward/reward_server.h"
#include "tests/reward/reward_testing.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  r1::RewardRegistry registry = r1::BuiltinRewardRules();
  // Takes a millisecond, so that kills hit calls under way.
  const auto take_time = [](const r1::RewardItem& item,
                            const r1::RuleContext&) {
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(1));
    return r1::RuleResult::Score(static_cast<double>(item.completion().size()));
  };
  if (!registry.Register("length", r1::MakeRule(take_time)).ok()) return 1;
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
