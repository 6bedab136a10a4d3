// Rules on the text and length of a completion. Expected values were counted by
// hand.
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/core/scorer.h"
#include "reward/length/cosine_rule.h"
#include "reward/repetition/repetition_rule.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

RuleResult Score(const std::string& rule, const RuleOptions& options,
                 const RewardItem& item) {
  static const RewardRegistry& registry =
      *new RewardRegistry(BuiltinRewardRules());
  RuleContext context;
  context.max_new_tokens = 1000;
  const auto made = registry.Make(rule, options);
  if (!made.ok()) return RuleResult::Error(made.status().ToString());
  return ScoreOne(**made, item, context);
}

TEST(RepetitionTest, CountsDistinctNgramsOfWords) {
  struct Case {
    std::string text;
    int n;
    int64_t distinct, all;
  };
  const std::vector<Case> cases = {
      {"", 3, 0, 0},
      {"a b", 3, 0, 0},
      {"a b c", 3, 1, 1},
      {"a b a b a b", 2, 2, 5},  // ab ba ab ba ab
      {"A b\ta\nB", 2, 2, 3},    // ab ba ab
      {"a a a a", 1, 1, 4},
      {"a a a a", 4, 1, 1},
      {"ab a b", 1, 3, 3},
      {"ab c a bc", 2, 3, 3},  // words, not bytes, make an n-gram
      {"\xE5\x86\x8D\xE5\x86\x8D\xE8\xAF\x95", 1, 2, 3},  // 再再试
      {"x\xE5\x86\x8Dy", 1, 3, 3},
      {std::string("\0 \0 \xFF \xFF", 7), 1, 2, 4},
  };
  for (const Case& c : cases) {
    const NgramCount count = CountNgrams(c.text, c.n);
    EXPECT_EQ(count.distinct, c.distinct) << c.text;
    EXPECT_EQ(count.all, c.all) << c.text;
  }
}

TEST(RepetitionTest, ScoresMinusTheRepeatedShare) {
  const RuleResult result =
      Score("repetition", {{"n", "2"}}, MakeItem("a b a b a b"));
  EXPECT_EQ(result.value, -0.6);
  EXPECT_EQ(result.detail, "2 of 5 2-grams are distinct");
  EXPECT_EQ(Score("repetition", {}, MakeItem("one two three four")).value, 0);
  EXPECT_EQ(Score("repetition", {}, MakeItem("too short")).value, 0);
}

// Against a plain set of strings, on random texts of few words.
TEST(RepetitionTest, EqualsASetOfStrings) {
  uint32_t state = 1;
  const auto random = [&](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> words;
    for (uint32_t i = random(60); i > 0; --i) {
      words.push_back(std::string(1 + random(2), 'a' + random(3)));
    }
    const size_t n = 1 + random(6);
    std::string text;
    std::map<std::string, int> ngrams;
    for (size_t i = 0; i < words.size(); ++i) {
      text += words[i] + " ";
      if (i + n > words.size()) continue;
      std::string ngram;
      for (size_t j = i; j < i + n; ++j) ngram += words[j] + " ";
      ++ngrams[ngram];
    }
    EXPECT_EQ(CountNgrams(text, n).distinct, ngrams.size()) << text << n;
  }
}

RewardItem Tokens(int tokens) {
  RewardItem item = MakeItem("x");
  item.set_completion_tokens(tokens);
  return item;
}

TEST(CosineTest, FallsFromMinLenToMaxLenAndStaysThere) {
  const RuleOptions options = {{"min_len", "100"}, {"max_len", "500"}};
  const std::vector<std::pair<int, double>> cases = {
      {0, 1},         {100, 1}, {200, (1 + std::sqrt(0.5)) / 2},
      {300, 0.5},     {500, 0}, {600, 0},
      {2000000000, 0}};
  for (const auto& [tokens, value] : cases) {
    EXPECT_NEAR(Score("cosine", options, Tokens(tokens)).value, value, 1e-15)
        << tokens;
  }
  // max_len is max_new_tokens = 1000 by default.
  EXPECT_NEAR(Score("cosine", {}, Tokens(500)).value, 0.5, 1e-15);
  EXPECT_EQ(Score("cosine", {}, Tokens(1000)).value, 0);
  EXPECT_EQ(Score("cosine", {}, Tokens(-1)).kind, REWARD_ABSTAIN);
  EXPECT_EQ(Score("cosine", {{"min_len", "1000"}}, Tokens(5)).kind,
            REWARD_ABSTAIN);
  EXPECT_THAT(
      Score("cosine", {{"min_len", "9"}, {"max_len", "9"}}, Tokens(1)).detail,
      HasSubstr("expected more than min_len = 9, got 9"));
}

// The values of the paper (arXiv 2502.03373) over 0 to 1200 tokens, by its
// formula, with cos(pi/3) = 1/2 and cos(pi/2) = 0.
TEST(CosineTest, FollowsThePaperForRightAndWrongAnswers) {
  RewardRuleSpec cosine = MakeSpec("cosine", 1);
  for (const auto& [name, value] : RuleOptions{{"answer", "exact_answer"},
                                               {"right_short", "2"},
                                               {"right_long", "1"},
                                               {"wrong_short", "-10"},
                                               {"wrong_long", "0"},
                                               {"beyond", "-10"},
                                               {"max_len", "1200"}}) {
    (*cosine.mutable_option())[name] = value;
  }
  struct Case {
    std::string answer;
    int tokens;
    double value, clamped;  // clamped: without "beyond"
  };
  const std::vector<Case> cases = {
      {"7", 0, 2, 2},         {"7", 400, 1.75, 1.75}, {"7", 600, 1.5, 1.5},
      {"7", 800, 1.25, 1.25}, {"7", 1200, -10, 1},    {"7", 90000, -10, 1},
      {"8", 0, -10, -10},     {"8", 400, -7.5, -7.5}, {"8", 600, -5, -5},
      {"8", 800, -2.5, -2.5}, {"8", 1200, -10, 0},    {"8", 90000, -10, 0}};
  const RewardRegistry registry = BuiltinRewardRules();
  for (const bool has_beyond : {true, false}) {
    if (!has_beyond) cosine.mutable_option()->erase("beyond");
    // Before the rule it reads: the order does not matter.
    const auto scorer =
        Scorer::Create(registry, {{cosine, MakeSpec("exact_answer", 0)}}, {});
    ASSERT_TRUE(scorer.ok()) << scorer.status();
    for (const Case& c : cases) {
      RewardItem item =
          MakeItem(absl::StrCat("<answer>", c.answer, "</answer>"),
                   "{\"answer\": \"7\"}");
      item.set_completion_tokens(c.tokens);
      const RewardResult result = scorer->Score(item, absl::InfiniteFuture());
      EXPECT_EQ(result.kind(), REWARD_SCORE) << result.detail();
      EXPECT_NEAR(result.total(), has_beyond ? c.value : c.clamped, 1e-14)
          << c.answer << " " << c.tokens;
    }
  }
  // Without a verdict on the answer there is none on its length.
  const auto scorer =
      Scorer::Create(registry, {{cosine, MakeSpec("exact_answer", 0)}}, {});
  const RewardResult result =
      scorer->Score(MakeItem("x", "{}"), absl::InfiniteFuture());
  EXPECT_EQ(result.kind(), REWARD_ABSTAIN);
  EXPECT_THAT(result.detail(), HasSubstr("cosine: no score of exact_answer"));
}

TEST(CosineTest, ItsRangeIsThatOfItsValues) {
  const auto range = [](const RuleOptions& options) {
    const auto parsed = CosineOptions::Parse(options);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    const ScoreRange range = CosineRule(*parsed).range();
    return std::make_pair(range.lowest, range.highest);
  };
  using Range = std::pair<double, double>;
  EXPECT_EQ(range({}), Range(0, 1));
  EXPECT_EQ(range({{"beyond", "-3"}}), Range(-3, 1));
  EXPECT_EQ(range({{"answer", "math"}}), Range(-1, 1));
  EXPECT_EQ(range({{"answer", "math"}, {"right_long", "5"}}), Range(-1, 5));
  EXPECT_EQ(range({{"answer", "math"}, {"wrong_short", "7"}}), Range(0, 7));
  // What rounding could push outside.
  const RuleOptions thirds = {{"right_short", "0.1"}, {"right_long", "0.1"}};
  for (int tokens = 0; tokens <= 1000; ++tokens) {
    EXPECT_EQ(Score("cosine", thirds, Tokens(tokens)).value, 0.1) << tokens;
  }
  EXPECT_THAT(Score("cosine", {{"wrong_long", "1"}}, Tokens(1)).detail,
              HasSubstr("option \"wrong_long\": expected with \"answer\""));
}

TEST(GroupLengthTest, FollowsKimi) {
  const RewardRegistry registry = BuiltinRewardRules();
  RewardRuleSpec length = MakeSpec("group_length", 1);
  (*length.mutable_option())["answer"] = "exact_answer";
  const auto scorer =
      Scorer::Create(registry, {{MakeSpec("exact_answer", 0), length}}, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  // Lengths 10, 20, 30: s = 0.5, 0, -0.5.
  struct Case {
    std::string answer;
    int tokens;
    double value;
  };
  const std::vector<Case> cases = {{"7", 10, 0.5},  {"7", 20, 0},
                                   {"7", 30, -0.5}, {"8", 10, 0},
                                   {"8", 30, -0.5}, {"8", 25, -0.25}};
  std::vector<RewardItem> items;
  std::vector<const RewardItem*> pointers;
  for (const Case& c : cases) {
    items.push_back(MakeItem(absl::StrCat("<answer>", c.answer, "</answer>"),
                             "{\"answer\": \"7\"}",
                             absl::StrCat(items.size())));
    items.back().set_group("p");
    items.back().set_completion_tokens(c.tokens);
  }
  for (const RewardItem& item : items) pointers.push_back(&item);
  const auto results = scorer->Score(pointers, absl::InfiniteFuture());
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(results[i].total(), cases[i].value) << i;
  }
  // Equal lengths, and a sample alone: 0.
  EXPECT_EQ(scorer->Score(items[2], absl::InfiniteFuture()).total(), 0);
  EXPECT_THAT(std::string(registry.Make("group_length", {}).status().message()),
              HasSubstr("option \"answer\""));
}

TEST(TagCountTest, AQuarterForEachTagThatOccursOnce) {
  const std::vector<std::pair<std::string, double>> cases = {
      {"", 0},
      {"<think>", 0.25},
      {"<think><think>", 0},
      {"</answer><think>", 0.5},
      {"<think>a</think><answer>b</answer>", 1},
      {"<think>a</think><answer>b</answer><answer>", 0.75},
      {"<Think></ think>", 0},
  };
  for (const auto& [text, value] : cases) {
    EXPECT_EQ(Score("tag_count", {}, MakeItem(text)).value, value) << text;
  }
}

}  // namespace
}  // namespace r1
