#include "reward/core/score_pool.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/philox.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// Bounds nothing but a hang.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

class ScorePoolTest : public ::testing::Test {
 protected:
  Scorer MakeScorer() { return MakeScorer(&gate_); }
  // Completions that say "wait" wait at the gate.
  static Scorer MakeScorer(Gate* gate) {
    RewardRegistry registry;
    const auto pass = [gate](const RewardItem& item, const RuleContext&) {
      if (item.completion() == "wait") gate->Pass();
      return RuleResult::Score(1);
    };
    EXPECT_TRUE(registry.Register("gate", MakeRule(pass)).ok());
    return *Scorer::Create(registry, {{MakeSpec("gate", 1)}}, {});
  }

  static std::vector<RewardItem> Items(const std::vector<std::string>& texts) {
    std::vector<RewardItem> items;
    for (const std::string& text : texts) {
      items.push_back(MakeItem(text, "{}", absl::StrCat("s", items.size())));
    }
    return items;
  }

  Gate gate_;
  RewardRegistry registry_;
};

TEST_F(ScorePoolTest, ScoresEveryItemOnceInOrder) {
  ScorePool pool(3, absl::Minutes(10));
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto results = pool.ScoreAll(
            MakeScorer(), Items(std::vector<std::string>(50, "")), Soon());
        ASSERT_TRUE(results.ok());
        ASSERT_EQ(results->size(), 50u);
        for (int i = 0; i < 50; ++i) {
          EXPECT_EQ((*results)[i].id(), absl::StrCat("s", i));
          EXPECT_EQ((*results)[i].kind(), REWARD_SCORE);
          EXPECT_EQ((*results)[i].total(), 1);
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const auto none = pool.ScoreAll(MakeScorer(), {}, absl::Now());
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
}

TEST_F(ScorePoolTest, AtTheDeadlineUnscoredItemsAreTimeouts) {
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    Gate gate;
    ScorePool pool(2, absl::Minutes(10));
    const absl::Time deadline = absl::Now() + limit;
    const auto results = pool.ScoreAll(
        MakeScorer(&gate), Items({"wait", "", "wait", "", ""}), deadline);
    EXPECT_GE(absl::Now(), deadline);
    EXPECT_TRUE(results.ok());
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ((*results)[i].id(), absl::StrCat("s", i));
      // Two threads: the second scores item 1, then both are kept by 0 and 2.
      if (i != 1) {
        EXPECT_EQ((*results)[i].kind(), REWARD_TIMEOUT) << i;
      }
    }
    gate.Open();
    // The threads are free again.
    const auto again =
        pool.ScoreAll(MakeScorer(&gate), Items({"wait", ""}), Soon());
    EXPECT_TRUE(again.ok());
    EXPECT_EQ((*again)[0].kind(), REWARD_SCORE);
    EXPECT_EQ((*again)[1].kind(), REWARD_SCORE);
    return (*results)[1].kind() == REWARD_SCORE;
  }));
}

TEST_F(ScorePoolTest, AnItemOverItsOwnLimitIsATimeoutOthersCount) {
  ASSERT_TRUE(registry_
                  .Register("slow", MakeRule([](const RewardItem& item,
                                                const RuleContext& context) {
                              while (item.completion() == "slow" &&
                                     absl::Now() < context.deadline) {
                              }
                              return RuleResult::Score(1);
                            }))
                  .ok());
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    ScorePool pool(1, limit);
    const auto results =
        pool.ScoreAll(*Scorer::Create(registry_, {{MakeSpec("slow", 1)}}, {}),
                      Items({"slow", ""}), Soon());
    EXPECT_TRUE(results.ok());
    EXPECT_EQ((*results)[0].kind(), REWARD_TIMEOUT);
    return (*results)[1].kind() == REWARD_SCORE;
  }));
}

// Pure functions: the order of the items and the thread do not matter.
TEST(BuiltinRulesTest, GiveTheSameScoresFromManyThreads) {
  const RewardRegistry registry = BuiltinRewardRules();
  std::vector<RewardRuleSpec> rules;
  for (const std::string& name : registry.Names()) {
    rules.push_back(MakeSpec(name, 1));
    if (name == "group_length") {
      (*rules.back().mutable_option())["answer"] = "countdown";
    }
  }
  RuleContext limits;
  limits.max_new_tokens = 64;
  const Scorer scorer = *Scorer::Create(registry, rules, limits);
  const std::vector<std::string> pieces = {
      "<think>", "</think>", "<answer>", "</answer>", "3*5+7", "22", "=", " "};
  RandomSequence random(3, RandomStream::kData, 0, 0);
  std::vector<RewardItem> items;
  std::vector<RewardResult> expected;
  for (int i = 0; i < 2000; ++i) {
    std::string completion;
    for (int j = 0; j < 8; ++j) {
      completion += pieces[random.NextBelow(pieces.size())];
    }
    items.push_back(MakeItem(
        completion, "{\"nums\": [3, 5, 7], \"target\": 22, \"answer\": \"22\"}",
        absl::StrCat(i)));
    items.back().set_completion_tokens(i % 100);
    expected.push_back(scorer.Score(items.back(), absl::InfiniteFuture()));
  }
  ScorePool pool(4, absl::Minutes(10));
  const auto results = pool.ScoreAll(scorer, items, Soon());
  ASSERT_TRUE(results.ok());
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ((*results)[i].SerializeAsString(),
              expected[i].SerializeAsString());
  }
}

TEST_F(ScorePoolTest, StopWakesThoseWhoWait) {
  ScorePool pool(1, absl::Minutes(10));
  absl::Status status;
  std::thread caller([&] {
    status = pool.ScoreAll(MakeScorer(), Items({"wait"}), Soon()).status();
  });
  gate_.AwaitArrivals(1);
  pool.Stop();
  caller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  gate_.Open();
  EXPECT_EQ(pool.ScoreAll(MakeScorer(), Items({""}), absl::InfiniteFuture())
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace r1
