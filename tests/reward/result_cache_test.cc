#include "reward/result_cache.h"

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reward/scorer.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

TEST(ResultKeyTest, DependsOnAllThatTheResultDependsOnAndOnNothingElse) {
  RewardRuleSpec rule = MakeSpec("code", 1);
  (*rule.mutable_option())["a"] = "1";
  RewardItem item = MakeItem("completion", "{}", "id");
  item.set_prompt("prompt");
  const auto key = [&] { return ResultKey(rule, "v1", 64, item); };
  const std::string first = key();
  EXPECT_EQ(first.size(), 64u);
  rule.set_weight(2);
  item.set_id("another");
  item.set_group("g");
  EXPECT_EQ(key(), first);
  std::vector<std::string> keys = {first};
  keys.push_back(ResultKey(rule, "v2", 64, item));
  keys.push_back(ResultKey(rule, "v1", 65, item));
  const auto with = [&](auto change) {
    const RewardRuleSpec old_rule = rule;
    const RewardItem old_item = item;
    change();
    keys.push_back(key());
    rule = old_rule;
    item = old_item;
  };
  with([&] { rule.set_name("cod"); });
  with([&] { (*rule.mutable_option())["a"] = "2"; });
  with([&] { (*rule.mutable_option())["b"] = "1"; });
  with([&] { item.set_completion("completion "); });
  with([&] { item.set_reference("{ }"); });
  with([&] { item.set_prompt(""); });
  with([&] { item.set_completion_tokens(3); });
  with([&] { item.set_is_truncated(true); });
  // The same bytes, divided otherwise.
  with([&] {
    item.set_prompt("promptc");
    item.set_completion("ompletion");
  });
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(keys[i], keys[j]) << i << " " << j;
  }
}

TEST(ResultCacheTest, KeepsScoresAndNothingElse) {
  ResultCache cache;
  cache.Keep("score", RuleResult::Score(0.25, "why"));
  cache.Keep("abstain", RuleResult::Abstain("no reference"));
  cache.Keep("error", RuleResult::Error("crashed"));
  cache.Keep("timeout", RuleResult::Timeout("late"));
  const auto score = cache.Find("score");
  ASSERT_TRUE(score.has_value());
  EXPECT_EQ(score->kind, REWARD_SCORE);
  EXPECT_EQ(score->value, 0.25);
  EXPECT_EQ(score->detail, "why");
  EXPECT_FALSE(cache.Find("abstain").has_value());
  EXPECT_FALSE(cache.Find("error").has_value());
  EXPECT_FALSE(cache.Find("timeout").has_value());
  EXPECT_EQ(cache.stats().hits, 1);
  EXPECT_EQ(cache.stats().misses, 3);
  EXPECT_EQ(cache.stats().entries, 1);
}

TEST(ResultCacheTest, TheLeastRecentlyUsedGoFirst) {
  ResultCache cache(/*max_bytes=*/5000);
  const auto fill = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      cache.Keep(absl::StrCat(i), RuleResult::Score(i, std::string(680, 'x')));
    }
  };
  fill(0, 5);  // 1,000 bytes each
  EXPECT_EQ(cache.stats().entries, 5);
  EXPECT_TRUE(cache.Find("0").has_value());
  fill(5, 7);
  EXPECT_LE(cache.stats().bytes, 5000);
  EXPECT_TRUE(cache.Find("0").has_value());
  EXPECT_FALSE(cache.Find("1").has_value());
  EXPECT_FALSE(cache.Find("2").has_value());
  EXPECT_TRUE(cache.Find("3").has_value());
  // More than all of it: not kept, and nothing goes for it.
  cache.Keep("big", RuleResult::Score(1, std::string(6000, 'x')));
  EXPECT_FALSE(cache.Find("big").has_value());
  EXPECT_TRUE(cache.Find("0").has_value());
}

// Counts what it is asked; completions decide the result.
class CountingRule : public RewardRule {
 public:
  explicit CountingRule(std::atomic<int>* count) : count_(count) {}
  RuleResult Score(const RewardItem& item, const RuleContext&) const override {
    ++*count_;
    if (item.completion() == "fails") return RuleResult::Error("no");
    return RuleResult::Score(item.completion().size() / 100.0);
  }
  bool is_cacheable() const override { return true; }

 private:
  std::atomic<int>* const count_;
};

// The same for many, as a plugin whose version is that of the step.
class CountingBatchRule : public BatchRule {
 public:
  CountingBatchRule(std::atomic<int>* count, bool compares)
      : count_(count), compares_(compares) {}
  std::vector<RuleResult> ScoreBatch(
      absl::Span<const RewardItem* const> items,
      const RuleContext& context) const override {
    *count_ += items.size();
    std::vector<RuleResult> results;
    for (const RewardItem* item : items) {
      results.push_back(RuleResult::Score(item->completion().size() / 100.0));
      results.back().version = version(context);
    }
    return results;
  }
  bool is_cacheable() const override { return true; }
  bool compares_samples() const override { return compares_; }
  std::string version(const RuleContext& context) const override {
    return absl::StrCat("v", context.step);
  }

 private:
  std::atomic<int>* const count_;
  const bool compares_;
};

class CachedScorerTest : public ::testing::Test {
 protected:
  CachedScorerTest() {
    const auto add = [this](const char* name, auto make) {
      EXPECT_TRUE(
          registry_
              .Register(
                  name,
                  [make](const RuleOptions&)
                      -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
                    return make();
                  })
              .ok());
    };
    add("alone", [this] { return std::make_unique<CountingRule>(&count_); });
    add("batch",
        [this] { return std::make_unique<CountingBatchRule>(&count_, false); });
    add("compares",
        [this] { return std::make_unique<CountingBatchRule>(&count_, true); });
  }

  Scorer Make(const char* rule, ResultCache* cache) {
    return *Scorer::Create(registry_, {{MakeSpec(rule, 1)}}, {}, cache);
  }
  std::vector<double> Batch(const Scorer& scorer,
                            const std::vector<std::string>& completions) {
    std::vector<RewardItem> items;
    for (const std::string& completion : completions) {
      items.push_back(MakeItem(completion, "{}", absl::StrCat(items.size())));
    }
    std::vector<const RewardItem*> pointers;
    for (const RewardItem& item : items) pointers.push_back(&item);
    std::vector<double> values;
    for (const auto& results : scorer.ScoreBatches(
             pointers, absl::InfiniteDuration(), absl::InfiniteFuture())) {
      values.push_back(results[0]->value);
    }
    return values;
  }

  std::atomic<int> count_ = 0;
  RewardRegistry registry_;
};

TEST_F(CachedScorerTest, EqualItemsAreJudgedOnce) {
  ResultCache cache;
  const Scorer scorer = Make("alone", &cache);
  for (int i = 0; i < 3; ++i) {
    const RewardItem item = MakeItem("text", "{}", absl::StrCat(i));
    EXPECT_EQ(scorer.Score(item, absl::InfiniteFuture()).total(), 0.04);
  }
  EXPECT_EQ(count_, 1);
  // A failure is not kept; nothing is without a cache.
  for (int i = 0; i < 3; ++i) {
    scorer.Score(MakeItem("fails"), absl::InfiniteFuture());
  }
  EXPECT_EQ(count_, 4);
  for (int i = 0; i < 3; ++i) {
    Make("alone", nullptr).Score(MakeItem("text"), absl::InfiniteFuture());
  }
  EXPECT_EQ(count_, 7);
}

TEST_F(CachedScorerTest, EqualItemsOfABatchAreJudgedOnce) {
  ResultCache cache;
  const Scorer scorer = Make("batch", &cache);
  EXPECT_EQ(Batch(scorer, {"aa", "b", "aa", "ccc", "b"}),
            (std::vector<double>{0.02, 0.01, 0.02, 0.03, 0.01}));
  EXPECT_EQ(count_, 3);
  EXPECT_EQ(Batch(scorer, {"dddd", "b", "dddd"}),
            (std::vector<double>{0.04, 0.01, 0.04}));
  EXPECT_EQ(count_, 4);
  EXPECT_EQ(Batch(scorer, {"b"}), (std::vector<double>{0.01}));
  EXPECT_EQ(count_, 4);
}

TEST_F(CachedScorerTest, AnotherVersionJudgesAnew) {
  ResultCache cache;
  const Scorer scorer = Make("batch", &cache);
  Batch(scorer.AtStep(1), {"a"});
  Batch(scorer.AtStep(1), {"a"});
  EXPECT_EQ(count_, 1);
  Batch(scorer.AtStep(2), {"a"});
  EXPECT_EQ(count_, 2);
}

TEST_F(CachedScorerTest, ARuleThatComparesSamplesIsAlwaysAsked) {
  ResultCache cache;
  const Scorer scorer = Make("compares", &cache);
  Batch(scorer, {"a", "a"});
  Batch(scorer, {"a"});
  EXPECT_EQ(count_, 3);
  EXPECT_EQ(cache.stats().misses, 0);
}

TEST(ResultCacheTest, MayBeUsedFromManyThreads) {
  ResultCache cache(/*max_bytes=*/20000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const std::string key = absl::StrCat(i % 100);
        const auto kept = cache.Find(key);
        EXPECT_EQ(kept.has_value() ? kept->value : i % 100, i % 100);
        cache.Keep(key, RuleResult::Score(i % 100));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.stats().hits + cache.stats().misses, 8000);
  EXPECT_LE(cache.stats().bytes, 20000);
}

}  // namespace
}  // namespace r1
