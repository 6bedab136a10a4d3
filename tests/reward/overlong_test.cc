#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "reward/length/overlong_rule.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

RuleResult Overlong(int length, int max_new_tokens, int buffer) {
  RewardItem item;
  item.set_completion_tokens(length);
  RuleContext context;
  context.max_new_tokens = max_new_tokens;
  OverlongOptions options;
  options.buffer = buffer;
  return OverlongRule(options).Score(item, context);
}

TEST(OverlongRuleTest, FollowsEquation13) {
  struct Case {
    int length, max_new_tokens, buffer;
    double value;
  };
  // Written from the equation by hand; all are exact in binary.
  const std::vector<Case> cases = {
      {0, 256, 64, 0},
      {191, 256, 64, 0},
      {192, 256, 64, 0},
      {193, 256, 64, -1.0 / 64},
      {224, 256, 64, -0.5},
      {255, 256, 64, -63.0 / 64},
      {256, 256, 64, -1},
      {257, 256, 64, -1},
      {1000000, 256, 64, -1},
      {5, 5, 1, -1},
      {4, 5, 1, 0},
      {20480, 20480, 4096, -1},
      {18432, 20480, 4096, -0.5},
      // A buffer longer than the limit: the penalty starts before 0.
      {0, 32, 64, -0.5},
      {16, 32, 64, -0.75},
      {32, 32, 64, -1},
  };
  for (const Case& c : cases) {
    const RuleResult result = Overlong(c.length, c.max_new_tokens, c.buffer);
    EXPECT_EQ(result.kind, REWARD_SCORE);
    EXPECT_EQ(result.value, c.value) << c.length << " " << c.max_new_tokens;
  }
}

TEST(OverlongRuleTest, AbstainsWithoutItsNumbers) {
  EXPECT_EQ(Overlong(10, 0, 64).kind, REWARD_ABSTAIN);
  EXPECT_EQ(Overlong(-1, 256, 64).kind, REWARD_ABSTAIN);
}

TEST(OverlongRuleTest, ExtremeNumbersStayInRange) {
  constexpr int kMax = std::numeric_limits<int>::max();
  EXPECT_EQ(Overlong(kMax, kMax, kMax).value, -1);
  EXPECT_EQ(Overlong(kMax, 1, 1).value, -1);
  EXPECT_EQ(Overlong(0, kMax, kMax).value, 0);
}

}  // namespace
}  // namespace r1
