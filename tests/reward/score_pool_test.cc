#include "reward/score_pool.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// A rule that waits for the test on completions that say "wait".
class Gate {
 public:
  RuleResult Pass(const RewardItem& item) {
    if (item.completion() != "wait") return RuleResult::Score(1);
    std::unique_lock<std::mutex> lock(mutex_);
    ++num_waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_open_; });
    return RuleResult::Score(1);
  }
  void AwaitWaiting(int n) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return num_waiting_ >= n; });
  }
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int num_waiting_ = 0;
  bool is_open_ = false;
};

class ScorePoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(registry_
                    .Register("gate", MakeRule([this](const RewardItem& item,
                                                      const RuleContext&) {
                                return gate_.Pass(item);
                              }))
                    .ok());
  }

  Scorer MakeScorer() {
    return *Scorer::Create(registry_, {{MakeSpec("gate", 1)}}, {});
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
  ScorePool pool(3, absl::Minutes(1));
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto results =
            pool.ScoreAll(MakeScorer(), Items(std::vector<std::string>(50, "")),
                          absl::Now() + absl::Minutes(1));
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
  ScorePool pool(2, absl::Minutes(1));
  const absl::Time start = absl::Now();
  const auto results =
      pool.ScoreAll(MakeScorer(), Items({"wait", "", "wait", "", ""}),
                    start + absl::Seconds(1));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(999));
  ASSERT_TRUE(results.ok());
  // Two threads: the second scores item 1, then both are kept by 0 and 2.
  const std::vector<RewardKind> expected = {REWARD_TIMEOUT, REWARD_SCORE,
                                            REWARD_TIMEOUT, REWARD_TIMEOUT,
                                            REWARD_TIMEOUT};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ((*results)[i].kind(), expected[i]) << i;
    EXPECT_EQ((*results)[i].id(), absl::StrCat("s", i));
  }
  gate_.Open();
  // The threads are free again.
  const auto again = pool.ScoreAll(MakeScorer(), Items({"wait", ""}),
                                   absl::Now() + absl::Minutes(1));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)[0].kind(), REWARD_SCORE);
  EXPECT_EQ((*again)[1].kind(), REWARD_SCORE);
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
  ScorePool pool(1, absl::Milliseconds(50));
  const auto results =
      pool.ScoreAll(*Scorer::Create(registry_, {{MakeSpec("slow", 1)}}, {}),
                    Items({"slow", ""}), absl::Now() + absl::Minutes(1));
  ASSERT_TRUE(results.ok());
  EXPECT_EQ((*results)[0].kind(), REWARD_TIMEOUT);
  EXPECT_EQ((*results)[1].kind(), REWARD_SCORE);
}

TEST_F(ScorePoolTest, StopWakesThoseWhoWait) {
  ScorePool pool(1, absl::Minutes(1));
  absl::Status status;
  std::thread caller([&] {
    status = pool.ScoreAll(MakeScorer(), Items({"wait"}),
                           absl::Now() + absl::Minutes(1))
                 .status();
  });
  gate_.AwaitWaiting(1);
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
