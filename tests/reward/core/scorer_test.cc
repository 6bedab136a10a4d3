#include "reward/core/scorer.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/core/text.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A rule with range [0, 1], which is the default, that gives `value`.
struct UnitOptions {
  double value = 0;
  static absl::StatusOr<UnitOptions> Parse(const RuleOptions& options) {
    UnitOptions unit;
    OptionReader read(options);
    read.Number("value", -9, 9, &unit.value);
    R1_RETURN_IF_ERROR(read.Finish());
    return unit;
  }
};

class UnitRule : public ItemRule {
 public:
  explicit UnitRule(const UnitOptions& options) : options_(options) {}
  RuleResult Score(const RewardItem&, const RuleContext&) const override {
    return RuleResult::Score(options_.value);
  }

 private:
  UnitOptions options_;
};

// The factory of a unit rule with a value of its own.
RuleFactory Unit(const std::string& value) {
  return [value](const RuleOptions&) {
    return MakesRule<UnitRule, UnitOptions>()({{"value", value}});
  };
}

class ScorerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Add("half", ConstantRule(RuleResult::Score(0.5)));
    Add("three", ConstantRule(RuleResult::Score(3)));
    Add("huge", ConstantRule(RuleResult::Score(1e300)));
    Add("abstains", ConstantRule(RuleResult::Abstain("no gold")));
    Add("fails", ConstantRule(RuleResult::Error("disk gone")));
    Add("late", ConstantRule(RuleResult::Timeout("too slow")));
    Add("other", ConstantRule(RuleResult::NotApplicable("no code")));
    Add("nan", ConstantRule(RuleResult::Score(std::nan(""))));
    Add("inf", ConstantRule(RuleResult::Score(kInfinity)));
    Add("no_kind", ConstantRule({REWARD_UNSPECIFIED, 1, ""}));
    Add("odd_kind", ConstantRule({static_cast<RewardKind>(17), 1, ""}));
    Add("unit_ok", Unit("1"));
    Add("unit_above", Unit("1.5"));
    Add("unit_below", Unit("-0.5"));
    Add("unit", MakesRule<UnitRule, UnitOptions>());
    Add("throws",
        MakeRule([](const RewardItem&, const RuleContext&) -> RuleResult {
          throw std::runtime_error("broken\nplugin");
        }));
    Add("throws_int",
        MakeRule([](const RewardItem&, const RuleContext&) -> RuleResult {
          throw 7;
        }));
  }

  void Add(const std::string& name, RuleFactory rule) {
    ASSERT_TRUE(registry_.Register(name, std::move(rule)).ok());
  }

  RewardResult Score(const std::vector<RewardRuleSpec>& rules) {
    const auto scorer = Scorer::Create(registry_, rules, {});
    EXPECT_TRUE(scorer.ok()) << scorer.status();
    return scorer->Score(MakeItem("text"), absl::InfiniteFuture());
  }

  RewardRegistry registry_;
};

TEST_F(ScorerTest, TotalIsTheWeightedSumAndComponentsKeepTheOrder) {
  const RewardResult result = Score(
      {MakeSpec("three", 2), MakeSpec("half", -1), MakeSpec("unit_ok", 0)});
  EXPECT_EQ(result.id(), "sample-1");
  EXPECT_EQ(result.kind(), REWARD_SCORE);
  EXPECT_EQ(result.total(), 5.5);
  ASSERT_EQ(result.components_size(), 3);
  EXPECT_EQ(result.components(0).name(), "three");
  EXPECT_EQ(result.components(0).value(), 3);
  EXPECT_EQ(result.components(1).name(), "half");
  EXPECT_EQ(result.components(1).value(), 0.5);
  EXPECT_EQ(result.components(2).name(), "unit_ok");
  EXPECT_EQ(result.components(2).value(), 1);
  EXPECT_EQ(result.detail(), "");
}

TEST_F(ScorerTest, AFailingRuleWithWeightDecidesTheKind) {
  struct Case {
    std::string rule;
    RewardKind kind;
    std::string detail;
  };
  const std::vector<Case> cases = {
      {"abstains", REWARD_ABSTAIN, "abstains: no gold"},
      {"fails", REWARD_ERROR, "fails: disk gone"},
      {"late", REWARD_TIMEOUT, "late: too slow"},
      {"nan", REWARD_ERROR, "nan: gave nan, outside its range"},
      {"inf", REWARD_ERROR, "inf: gave inf, outside its range"},
      {"unit_above", REWARD_ERROR,
       "unit_above: gave 1.5, outside its range [0, 1]"},
      {"unit_below", REWARD_ERROR,
       "unit_below: gave -0.5, outside its range [0, 1]"},
      {"no_kind", REWARD_ERROR, "no_kind: returned the unknown kind 0"},
      {"odd_kind", REWARD_ERROR, "odd_kind: returned the unknown kind 17"},
      {"throws", REWARD_ERROR, "throws: threw: broken\\nplugin"},
      {"throws_int", REWARD_ERROR, "throws_int: threw"},
  };
  for (const Case& c : cases) {
    const RewardResult result = Score(
        {MakeSpec("half", 1), MakeSpec(c.rule, 0.1), MakeSpec("three", 1)});
    EXPECT_EQ(result.kind(), c.kind) << c.rule;
    EXPECT_EQ(result.total(), 0) << c.rule;
    EXPECT_THAT(result.detail(), HasSubstr(c.detail));
    ASSERT_EQ(result.components_size(), 2) << c.rule;
    EXPECT_EQ(result.components(0).name(), "half");
    EXPECT_EQ(result.components(1).name(), "three");

    const RewardResult metric =
        Score({MakeSpec("half", 1), MakeSpec(c.rule, 0)});
    EXPECT_EQ(metric.kind(), REWARD_SCORE) << c.rule;
    EXPECT_EQ(metric.total(), 0.5) << c.rule;
    EXPECT_EQ(metric.components_size(), 1) << c.rule;
    EXPECT_THAT(metric.detail(), HasSubstr(c.detail));
  }
}

TEST_F(ScorerTest, AWeightMayCountFromALaterStep) {
  RewardRuleSpec late = MakeSpec("three", 10);
  late.set_from_step(5);
  (*late.mutable_option())["gate"] = "4";
  RewardRuleSpec failing = MakeSpec("fails", 1);
  failing.set_from_step(6);
  const auto scorer = Scorer::Create(
      registry_,
      std::vector<RewardRuleSpec>{MakeSpec("half", 1), late, failing}, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  const auto at = [&](int64_t step) {
    return scorer->AtStep(step, 0).Score(MakeItem("text"),
                                         absl::InfiniteFuture());
  };
  // Before: a metric that neither counts nor closes its gate.
  EXPECT_EQ(at(4).kind(), REWARD_SCORE);
  EXPECT_EQ(at(4).total(), 0.5);
  EXPECT_EQ(at(4).raw_total(), 0.5);
  ASSERT_EQ(at(4).components_size(), 2);
  EXPECT_EQ(at(4).components(1).value(), 3);
  // From there on only rules with a gate count, as this one is below its own.
  EXPECT_EQ(at(5).total(), 30);
  EXPECT_EQ(at(5).raw_total(), 30.5);
  EXPECT_EQ(at(5).kind(), REWARD_SCORE);
  EXPECT_EQ(at(6).kind(), REWARD_ERROR);
  // Outside training all count.
  EXPECT_EQ(at(0).kind(), REWARD_ERROR);
}

TEST_F(ScorerTest, ErrorsGoBeforeTimeoutsBeforeAbstentions) {
  EXPECT_EQ(Score({MakeSpec("abstains", 1), MakeSpec("late", 1),
                   MakeSpec("fails", 1)})
                .kind(),
            REWARD_ERROR);
  EXPECT_EQ(Score({MakeSpec("fails", 1), MakeSpec("abstains", 1)}).kind(),
            REWARD_ERROR);
  EXPECT_EQ(Score({MakeSpec("late", 1), MakeSpec("abstains", 1)}).kind(),
            REWARD_TIMEOUT);
}

TEST_F(ScorerTest, ARuleThatDoesNotApplyIsAsIfAbsent) {
  const RewardResult result =
      Score({MakeSpec("other", 5), MakeSpec("half", 1), MakeSpec("three", 0)});
  EXPECT_EQ(result.kind(), REWARD_SCORE);
  EXPECT_EQ(result.total(), 0.5);
  EXPECT_EQ(result.raw_total(), 0.5);
  EXPECT_EQ(result.components_size(), 2);
  EXPECT_THAT(result.not_applicable(), ::testing::ElementsAre("other"));
  EXPECT_EQ(result.detail(), "");
  // With a gate as well: it neither shuts nor decides the kind.
  RewardRuleSpec gate = MakeSpec("other", 0);
  (*gate.mutable_option())["gate"] = "1";
  EXPECT_EQ(Score({gate, MakeSpec("half", 1)}).total(), 0.5);
}

TEST_F(ScorerTest, WhereNoRuleWithWeightAppliesTheSampleAbstains) {
  const RewardResult result =
      Score({MakeSpec("other", 1), MakeSpec("half", 0)});
  EXPECT_EQ(result.kind(), REWARD_ABSTAIN);
  EXPECT_EQ(result.total(), 0);
  EXPECT_EQ(result.detail(), "no rule with weight applies: other: no code");
  EXPECT_THAT(result.not_applicable(), ::testing::ElementsAre("other"));
  // What fails beside it stays what it is.
  const auto kind = [&](const char* rule) {
    return Score({MakeSpec("other", 1), MakeSpec(rule, 1)}).kind();
  };
  EXPECT_EQ(kind("fails"), REWARD_ERROR);
  EXPECT_EQ(kind("late"), REWARD_TIMEOUT);
  EXPECT_EQ(kind("abstains"), REWARD_ABSTAIN);
  // Metrics alone have no weight to miss.
  EXPECT_EQ(Score({MakeSpec("other", 0)}).kind(), REWARD_SCORE);
}

TEST_F(ScorerTest, FindingsAreNamedByTheirRules) {
  RuleResult found = RuleResult::Score(0.5);
  found.metrics = {{"words", 12}, {"share", std::nan("")}};
  found.extracted = "42";
  Add("finds", ConstantRule(found));
  const RewardResult result = Score({MakeSpec("finds", 1)});
  EXPECT_EQ(result.metrics().size(), 1u);
  EXPECT_EQ(result.metrics().at("finds/words"), 12);
  EXPECT_EQ(result.extracted().at("finds"), "42");
  EXPECT_EQ(result.detail(), "finds/share: is nan");
}

TEST_F(ScorerTest, ATotalThatOverflowsIsAnError) {
  const RewardResult result =
      Score({MakeSpec("half", 1), MakeSpec("huge", 1e10)});
  EXPECT_EQ(result.kind(), REWARD_ERROR);
  EXPECT_THAT(result.detail(), HasSubstr("total: becomes inf"));
}

TEST_F(ScorerTest, CreateRefusesBadRequests) {
  const auto message = [&](const std::vector<RewardRuleSpec>& rules) {
    const absl::Status status = Scorer::Create(registry_, rules, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message({}), HasSubstr("no reward rule"));
  EXPECT_THAT(message({MakeSpec("hlaf", 1)}), HasSubstr("did you mean"));
  EXPECT_THAT(message({MakeSpec("half", 1), MakeSpec("half", 0)}),
              HasSubstr("listed twice"));
  EXPECT_THAT(message({MakeSpec("half", std::nan(""))}),
              HasSubstr("not finite"));
  EXPECT_THAT(message({MakeSpec("half", kInfinity)}), HasSubstr("not finite"));
}

TEST_F(ScorerTest, OptionsReachTheirRule) {
  RewardRuleSpec spec = MakeSpec("unit", 2);
  (*spec.mutable_option())["value"] = "0.25";
  EXPECT_EQ(Score({spec}).total(), 0.5);
  EXPECT_EQ(Score({MakeSpec("unit", 2)}).total(), 0);
}

TEST_F(ScorerTest, BadOptionsNameRuleOptionAndWhatIsKnown) {
  const auto message = [&](const std::string& rule, const std::string& option,
                           const std::string& value) {
    RewardRuleSpec spec = MakeSpec(rule, 1);
    (*spec.mutable_option())[option] = value;
    const absl::Status status =
        Scorer::Create(registry_, {{spec}}, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(
      message("unit", "valeu", "1"),
      "reward rule \"unit\": unknown option \"valeu\"; known: value, and "
      "for every rule clip_high, clip_low, combine, for, gate, when; did you "
      "mean \"value\"?");
  EXPECT_EQ(message("unit", "value", "10"),
            "reward rule \"unit\": option \"value\": expected a number from -9 "
            "to 9, got \"10\"");
  EXPECT_EQ(message("half", "n", "3"),
            "reward rule \"half\": unknown option \"n\"; known: none, and for "
            "every rule clip_high, clip_low, combine, for, gate, when");
}

TEST_F(ScorerTest, PastTheDeadlineNothingIsStarted) {
  int num_calls = 0;
  Add("counts", MakeRule([&](const RewardItem&, const RuleContext&) {
        ++num_calls;
        return RuleResult::Score(1);
      }));
  const auto scorer = Scorer::Create(registry_, {{MakeSpec("counts", 1)}}, {});
  ASSERT_TRUE(scorer.ok());
  const RewardResult result =
      scorer->Score(MakeItem("text"), absl::Now() - absl::Seconds(1));
  EXPECT_EQ(result.kind(), REWARD_TIMEOUT);
  EXPECT_EQ(result.components_size(), 0);
  EXPECT_EQ(num_calls, 0);
}

TEST_F(ScorerTest, ARuleThatOverrunsTheDeadlineIsATimeout) {
  absl::Time deadline = absl::Now() + absl::Milliseconds(20);
  absl::Time seen;
  Add("overruns", MakeRule([&](const RewardItem&, const RuleContext& context) {
        seen = context.deadline;
        while (absl::Now() < context.deadline) {
        }
        return RuleResult::Score(1);
      }));
  const auto scorer =
      Scorer::Create(registry_, {{MakeSpec("overruns", 1)}}, {});
  ASSERT_TRUE(scorer.ok());
  EXPECT_EQ(scorer->Score(MakeItem("text"), deadline).kind(), REWARD_TIMEOUT);
  EXPECT_EQ(seen, deadline);
}

TEST_F(ScorerTest, RulesSeeTheLimitsOfTheRequest) {
  RuleContext limits;
  limits.max_new_tokens = 256;
  const RewardRegistry builtin = BuiltinRewardRules();
  const auto scorer = Scorer::Create(
      builtin, {{MakeSpec("format", 1), MakeSpec("overlong", 2)}}, limits);
  ASSERT_TRUE(scorer.ok());
  RewardItem item = MakeItem("<think>a</think><answer>b</answer>");
  item.set_completion_tokens(224);
  // 1 * 1 + 2 * (256 - 64 - 224) / 64
  EXPECT_EQ(scorer->Score(item, absl::InfiniteFuture()).total(), 0.0);
}

TEST_F(ScorerTest, DetailIsOneShortLineOfValidUtf8) {
  Add("loud", ConstantRule(RuleResult::Abstain(std::string(1000, '\xFF'))));
  const RewardResult result = Score({MakeSpec("loud", 1)});
  EXPECT_TRUE(IsUtf8(result.detail()));
  EXPECT_LE(result.detail().size(), 1500u);  // 500 bytes, each as U+FFFD
}

TEST(TextTest, ExcerptIsPrintableAndShort) {
  EXPECT_EQ(Excerpt("a\"b\n\x1b\xC3\xA4"), "a\\\"b\\n\\x1b\\xc3\\xa4");
  EXPECT_EQ(Excerpt(std::string(48, 'x')), std::string(48, 'x'));
  EXPECT_EQ(Excerpt(std::string(49, 'x')), std::string(48, 'x') + "...");
}

}  // namespace
}  // namespace r1
