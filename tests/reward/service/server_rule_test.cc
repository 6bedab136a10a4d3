// A rule that another server judges, behind a server or a run.
#include "reward/service/server_rule.h"

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reward/service/server.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// What it scores is the step and the length that the rule there was told.
TEST(RewardServerRuleTest, TheServerIsToldStepAndLength) {
  RewardRegistry registry;
  const RuleFactory factory = [](const RuleOptions&)
      -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    return std::make_unique<const FunctionRule>(
        [](const RewardItem&, const RuleContext& context) {
          return RuleResult::Score(static_cast<double>(context.step) +
                                   context.max_new_tokens);
        });
  };
  ASSERT_TRUE(registry.Register("told", factory).ok());
  const auto server =
      RewardServer::Start("127.0.0.1:0", std::move(registry), {});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto rule = RewardServerRule::Create(
      {"told", PluginCarrier::kServer, (*server)->address()}, {});
  ASSERT_TRUE(rule.ok()) << rule.status();
  RuleContext context;
  context.step = 7;
  context.max_new_tokens = 100;
  context.item_limit = absl::Minutes(4);  // bounds nothing but a hang
  const RuleResult in_step = ScoreOne(**rule, MakeItem("a"), context);
  EXPECT_EQ(in_step.value, 107) << in_step.detail;
  context.step = 0;
  EXPECT_EQ(ScoreOne(**rule, MakeItem("a"), context).value, 100);
}

}  // namespace
}  // namespace r1
