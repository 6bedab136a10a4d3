#include "reward/core/composition.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/core/score_pool.h"
#include "reward/core/scorer.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "length": longer than half of the group's samples that "right" scores; +1 or
// -1. Shows what a group rule sees.
class LongerRule : public RewardRule {
 public:
  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& context) const override {
    double sum = 0;
    for (const RewardItem* item : items) sum += item->completion_tokens();
    std::vector<RuleResult> results;
    for (size_t i = 0; i < items.size(); ++i) {
      const bool is_longer = items[i]->completion_tokens() * items.size() > sum;
      results.push_back(
          RuleResult::Score((is_longer ? 1 : -1) + 10 * context.needed[i]));
    }
    return results;
  }
  RuleGrain grain() const override { return RuleGrain::kGroup; }
  std::string needs() const override { return "right"; }
  ScoreRange range() const override { return {-1, 11}; }
};

class CompositionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto add = [&](const std::string& name, RuleFactory factory) {
      ASSERT_TRUE(registry_.Register(name, std::move(factory)).ok());
    };
    add("two", ConstantRule(RuleResult::Score(2)));
    add("minus_three", ConstantRule(RuleResult::Score(-3)));
    add("half", ConstantRule(RuleResult::Score(0.5)));
    add("abstains", ConstantRule(RuleResult::Abstain("no gold")));
    add("right", MakeRule([](const RewardItem& item, const RuleContext&) {
          if (item.completion() == "none") return RuleResult::Abstain("none");
          return RuleResult::Score(item.completion() == "right" ? 1 : 0);
        }));
    add("longer", MakesRule<LongerRule>());
  }

  RewardResult Score(const std::vector<RewardRuleSpec>& rules) {
    const auto scorer = Scorer::Create(registry_, rules, {});
    EXPECT_TRUE(scorer.ok()) << scorer.status();
    return scorer->Score(MakeItem("text"), absl::InfiniteFuture());
  }
  std::string Message(const std::vector<RewardRuleSpec>& rules) {
    const absl::Status status = Scorer::Create(registry_, rules, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  RewardRegistry registry_;
};

RewardRuleSpec With(std::string name, double weight,
                    const RuleOptions& options) {
  RewardRuleSpec spec = MakeSpec(std::move(name), weight);
  spec.mutable_option()->insert(options.begin(), options.end());
  return spec;
}

TEST_F(CompositionTest, ClipBoundsTheScoreBeforeItsWeight) {
  const RewardResult result = Score(
      {With("two", 4, {{"clip_high", "1.5"}}),
       With("minus_three", 1, {{"clip_low", "-1"}}), MakeSpec("half", 2)});
  EXPECT_EQ(result.total(), 4 * 1.5 - 1 + 1);
  EXPECT_EQ(result.raw_total(), 8 - 3 + 1);
  EXPECT_EQ(result.components(0).value(), 2);  // as the rule gave it
}

TEST_F(CompositionTest, BelowAGateOnlyGatesCount) {
  // Open: 0.5 reaches 0.5.
  EXPECT_EQ(
      Score({MakeSpec("two", 1), With("half", 1, {{"gate", "0.5"}})}).total(),
      2.5);
  // Shut: what remains is the gate's own term.
  const RewardResult shut =
      Score({MakeSpec("two", 1), With("half", 1, {{"gate", "0.75"}})});
  EXPECT_EQ(shut.kind(), REWARD_SCORE);
  EXPECT_EQ(shut.total(), 0.5);
  EXPECT_EQ(shut.raw_total(), 2.5);
  // With weight 0 it is a pure gate.
  EXPECT_EQ(
      Score({MakeSpec("two", 1), With("half", 0, {{"gate", "0.75"}})}).total(),
      0);
  // One that gives no score decides the kind, whatever its weight.
  EXPECT_EQ(
      Score({MakeSpec("two", 1), With("abstains", 0, {{"gate", "1"}})}).kind(),
      REWARD_ABSTAIN);
}

TEST_F(CompositionTest, MinAddsTheSmallestOfItsTerms) {
  const RuleOptions min = {{"combine", "min"}};
  const RewardResult result = Score(
      {With("two", 1, min), MakeSpec("half", 1), With("minus_three", -1, min)});
  EXPECT_EQ(result.total(), 0.5 + 2);  // min(2, 3)
  EXPECT_EQ(result.raw_total(), 2 + 0.5 + 3);
  // A metric is no part of it.
  EXPECT_EQ(Score({With("two", 1, min), With("minus_three", 0, min)}).total(),
            2);
}

TEST_F(CompositionTest, PlainRulesHaveEqualTotals) {
  const RewardResult result =
      Score({MakeSpec("two", 0.1), MakeSpec("half", 3)});
  EXPECT_EQ(result.total(), 0.1 * 2 + 3 * 0.5);
  EXPECT_EQ(result.raw_total(), result.total());
}

TEST_F(CompositionTest, BadOptionsAreRefused) {
  EXPECT_EQ(Message({With("two", 1, {{"gate", "high"}})}),
            "reward rule \"two\": option \"gate\": expected a number from "
            "-1.79769e+308 to 1.79769e+308, got \"high\"");
  EXPECT_THAT(Message({With("two", 1, {{"combine", "max"}})}),
              HasSubstr("expected one of sum, min, got \"max\""));
  EXPECT_THAT(Message({With("two", 1, {{"when", "never"}})}),
              HasSubstr("expected one of train, eval, both"));
  EXPECT_EQ(Message({With("two", 1, {{"clip_low", "1"}, {"clip_high", "0"}})}),
            "reward rule \"two\": option \"clip_low\": expected at most "
            "clip_high = 0, got 1");
  EXPECT_THAT(Message({MakeSpec("longer", 1), MakeSpec("two", 1)}),
              HasSubstr("reads the scores of \"right\""));
}

TEST_F(CompositionTest, ARuleIsForTheRowsThatItsOptionNames) {
  const std::vector<RewardRuleSpec> rules = {
      With("two", 1, {{"for", R"({"source": "a"})"}}),
      With("half", 1, {{"for", R"({"source": ["b", "c"]})"}}),
      With("longer", 1, {{"for", R"({"source": "c"})"}}), MakeSpec("right", 0)};
  const auto scorer = Scorer::Create(registry_, rules, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  const auto score = [&](const std::string& source) {
    return scorer->Score(
        MakeItem("right", absl::StrCat(R"({"source": ")", source, "\"}")),
        absl::InfiniteFuture());
  };
  EXPECT_EQ(score("a").total(), 2);
  EXPECT_THAT(score("a").not_applicable(), ElementsAre("half", "longer"));
  EXPECT_EQ(score("b").total(), 0.5);
  EXPECT_THAT(score("b").not_applicable(), ElementsAre("two", "longer"));
  EXPECT_EQ(score("c").total(), 0.5 - 1 + 10);
  EXPECT_EQ(score("d").kind(), REWARD_ABSTAIN);
  EXPECT_THAT(score("d").detail(),
              HasSubstr("no rule with weight applies: two: the row's "
                        "\"source\" is \"\\\"d\\\"\""));
  EXPECT_THAT(Message({With("two", 1, {{"for", "a"}})}),
              HasSubstr("reward rule \"two\": option \"for\": expected"));
}

// Who reads the score of a rule that does not apply does not apply either.
TEST_F(CompositionTest, WhatNeedsARuleThatDoesNotApplyDoesNotApply) {
  const RewardResult result =
      Score({With("right", 1, {{"for", R"({"a": 1})"}}), MakeSpec("longer", 1),
             MakeSpec("half", 1)});
  EXPECT_EQ(result.kind(), REWARD_SCORE);
  EXPECT_EQ(result.total(), 0.5);
  EXPECT_THAT(result.not_applicable(), ElementsAre("right", "longer"));
}

RewardItem Sample(const std::string& id, const std::string& group,
                  const std::string& completion, int tokens) {
  RewardItem item = MakeItem(completion, "{}", id);
  item.set_group(group);
  item.set_completion_tokens(tokens);
  return item;
}

// 10 times the score of another rule, plus 1.
class ReadsRule : public ItemRule {
 public:
  explicit ReadsRule(std::string needs) : needs_(std::move(needs)) {}
  RuleResult Score(const RewardItem& /*item*/,
                   const RuleContext& context) const override {
    return RuleResult::Score(10 * context.needed[0] + 1);
  }
  std::string needs() const override { return needs_; }
  ScoreRange range() const override { return {-1e9, 1e9}; }

 private:
  const std::string needs_;
};

RuleFactory Reads(const std::string& needs) {
  return [needs](const RuleOptions&)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    return std::make_unique<const ReadsRule>(needs);
  };
}

// The number of tokens, for many items at once.
class TokensRule : public RewardRule {
 public:
  RuleGrain grain() const override { return RuleGrain::kBatch; }
  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& /*context*/) const override {
    std::vector<RuleResult> results;
    for (const RewardItem* item : items) {
      results.push_back(item->completion_tokens() > 0
                            ? RuleResult::Score(item->completion_tokens())
                            : RuleResult::Timeout("late"));
    }
    return results;
  }
  ScoreRange range() const override { return {0, 1e9}; }
};

TEST_F(CompositionTest, ARuleMayReadAnothersScore) {
  ASSERT_TRUE(registry_.Register("tokens", MakesRule<TokensRule>()).ok());
  ASSERT_TRUE(registry_.Register("a", Reads("b")).ok());
  ASSERT_TRUE(registry_.Register("b", Reads("tokens")).ok());
  ASSERT_TRUE(registry_.Register("c", Reads("half")).ok());
  // The readers first: the order of the configuration does not matter.
  const std::vector<RewardRuleSpec> rules = {
      MakeSpec("a", 1), MakeSpec("b", 0), MakeSpec("c", 0),
      MakeSpec("tokens", 0), MakeSpec("half", 0)};
  const auto scorer = Scorer::Create(registry_, rules, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  ScorePool pool(2, absl::InfiniteDuration());
  const auto results =
      pool.ScoreAll(*scorer, {Sample("x", "", "", 3), Sample("y", "", "", 0)},
                    absl::InfiniteFuture());
  ASSERT_TRUE(results.ok()) << results.status();
  for (const RewardResult& result :
       {(*results)[0],
        scorer->Score(Sample("x", "", "", 3), absl::InfiniteFuture())}) {
    EXPECT_EQ(result.total(), 10 * (10 * 3 + 1) + 1) << result.detail();
    ASSERT_EQ(result.components_size(), 5);
    EXPECT_EQ(result.components(2).value(), 6);  // c of a half
  }
  EXPECT_EQ((*results)[1].kind(), REWARD_TIMEOUT);
  EXPECT_EQ((*results)[1].detail(),
            "a: no score of b; b: no score of tokens; tokens: late");
}

TEST_F(CompositionTest, RefusesRulesThatReadEachOther) {
  ASSERT_TRUE(registry_.Register("a", Reads("b")).ok());
  ASSERT_TRUE(registry_.Register("b", Reads("c")).ok());
  ASSERT_TRUE(registry_.Register("c", Reads("b")).ok());
  ASSERT_TRUE(registry_.Register("self", Reads("self")).ok());
  ASSERT_TRUE(registry_.Register("late", Reads("longer")).ok());
  EXPECT_EQ(Message({MakeSpec("a", 1), MakeSpec("b", 1), MakeSpec("c", 1)}),
            "reward rule \"a\" reads the scores of \"b\", which depend on "
            "themselves: name another rule");
  EXPECT_THAT(Message({MakeSpec("self", 1)}),
              HasSubstr("\"self\", which depend on themselves"));
  EXPECT_THAT(Message({MakeSpec("a", 1)}),
              HasSubstr("reads the scores of \"b\", which is no rule of this "
                        "request that judges one sample"));
  EXPECT_THAT(Message({MakeSpec("late", 1), MakeSpec("longer", 1),
                       MakeSpec("right", 1)}),
              HasSubstr("\"longer\", which is no rule"));
}

TEST_F(CompositionTest, GroupRulesSeeTheSamplesOfTheirGroupAlone) {
  const auto scorer = Scorer::Create(
      registry_, {{MakeSpec("right", 1), MakeSpec("longer", 0.5)}}, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  const std::vector<RewardItem> items = {
      Sample("a", "p", "right", 10), Sample("b", "q", "wrong", 900),
      Sample("c", "p", "wrong", 30), Sample("d", "p", "none", 5000),
      Sample("e", "", "right", 7),   Sample("f", "", "wrong", 8)};
  std::vector<const RewardItem*> pointers;
  for (const RewardItem& item : items) pointers.push_back(&item);
  const std::vector<RewardResult> rewards =
      scorer->Score(pointers, absl::InfiniteFuture());
  EXPECT_EQ(rewards[0].total(), 1 + 0.5 * (10 - 1));  // 10 < (10 + 30) / 2
  EXPECT_EQ(rewards[0].raw_total(), 1);  // without what compares samples
  EXPECT_EQ(rewards[2].total(), 0.5);    // 30 > 20; the 5000 is no member
  EXPECT_EQ(rewards[1].total(), -0.5);   // alone
  EXPECT_EQ(rewards[3].kind(), REWARD_ABSTAIN);
  EXPECT_EQ(rewards[3].detail(), "right: none; longer: no score of right");
  EXPECT_EQ(rewards[4].total(), 1 + 0.5 * (10 - 1));
  EXPECT_EQ(rewards[5].total(), -0.5);
}

TEST_F(CompositionTest, AGroupRuleThatFailsCostsItsGroup) {
  class Broken : public RewardRule {
    std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                  const RuleContext&) const override {
      if (items[0]->group() == "p") throw 7;
      return {};
    }
    RuleGrain grain() const override { return RuleGrain::kGroup; }
  };
  ASSERT_TRUE(registry_.Register("broken", MakesRule<Broken>()).ok());
  const auto scorer = Scorer::Create(registry_, {{MakeSpec("broken", 1)}}, {});
  ASSERT_TRUE(scorer.ok());
  const auto detail = [&](const std::string& group) {
    const RewardResult result =
        scorer->Score(Sample("a", group, "x", 1), absl::InfiniteFuture());
    EXPECT_EQ(result.kind(), REWARD_ERROR);
    return result.detail();
  };
  EXPECT_EQ(detail("p"), "broken: threw");
  EXPECT_EQ(detail("q"), "broken: gave 0 results for 1 samples");
}

}  // namespace
}  // namespace r1
