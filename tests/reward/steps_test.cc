// Arithmetic statements in text: a table by hand, and generated ones whose
// truth is known from how they were made.
#include "reward/steps/steps.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// "right/all"
std::string Steps(const std::string& text) {
  const StepCount count = CountSteps(text);
  return absl::StrCat(count.right, "/", count.all);
}

TEST(StepsTest, ReadsSignsAndWordsOfTwoLanguages) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"7 and 3 make 10", "1/1"},
      {"10 less 7 make 3", "1/1"},
      {"10 less 7 make 4", "0/1"},
      {"7加3得10, 10减7得3, 是11? 不", "2/2"},
      {"7加3得11", "0/1"},
      {"7 and 3 make 10, 10减7得2, is it 11? no", "1/2"},
      {"7+3=10", "1/1"},
      {"7+3=11", "0/1"},
      {"8+3=11,11+12=23,24? no", "2/2"},
      {"7 plus 3 equals 10; 7 minus 3 gives 4; 7 times 3 makes 21", "3/3"},
      {"7乘3得21 7乘以3等于21 21除以3得到7", "3/3"},
      {"2 and 3 and 4 make 9", "1/1"},
      {"2 and 3 times 4 make 14", "1/1"},
      {"7 and 3 make 10 and 5 make 15", "2/2"},
      {"3 less 5 make -2", "1/1"},
      {"(3+5)*9=72", "1/1"},
      {"2*(3+4)-1 = 13", "1/1"},
      {"3+5=8*9=72", "1/2"},
      {"72=8*9", "1/1"},
      {"3+4=5+2", "1/1"},
      {"-3+5=2", "1/1"},
      {"3-5=-2", "1/1"},
      {"1/3+1/6=1/2", "1/1"},
      {"6 \xC3\x97 7 = 42, 42 \xC3\xB7 6 = 7, 9 \xE2\x88\x92 4 = 5", "3/3"},
      {"7+3=10 and 5+5=10", "2/2"},
      {"Step 1: 7 + 3 = 10.", "1/1"},
      {"1) 7+3=10", "1/1"},
      {"1) 7 and 3 make 10\n- 7加3得10 (7 and 3 make 10)", "3/3"},
      {"1. 7+3=10", "1/1"},
      {"- 7+3=10\n* 7+3=10\n+ 7+3=10", "3/3"},
      {"**7+3=10**", "1/1"},
      {"so (7+3=10) and (8 + 1 = 9, sure)", "2/2"},
      {"7+3=10 (as 5+5=10)", "2/2"},
      {"\\(7+3=10\\) $7+3=10$", "2/2"},
      {"well-known 7+3=10", "1/1"},
      {"the 1st 7+3=10", "1/1"},
      {"我算7+3=10。对", "1/1"},
      {"7+3=10!", "1/1"},
      {"7+3=10</think><answer>", "1/1"},
      {"1,000+1=1,001", "1/1"},
      {"99+1=100,100+20=120", "2/2"},
      {"1,000+1=1,002", "0/1"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(Steps(text), expected) << text;
  }
}

TEST(StepsTest, PartsOfOtherThingsAreNoStatements) {
  const std::vector<std::string> texts = {
      "",
      "10",
      "10=10",
      "is it 11? no",
      "make 10 from 7 and 3",
      "it makes 10",
      "x+3=10",
      "x + 3 = 10",
      "x - 3 = -3",
      "3+x=10",
      "3x+1=2",
      "2x-3=-3",
      "10=7+3x",
      "f(3)-3=1",
      "2^3+1=3",
      "1+2^3=3",
      "3+3=2^3",
      "3\xC2\xB2+1=3",
      "\xE2\x88\x9A"
      "9-3=-3",
      "2**3+1=4",
      "50%+1=2",
      "1+1=5%",
      "7 cm+3 cm=10 cm",
      "7 cats - 3 = 4 cats",
      "$7+$3=$11",
      "0.5+0.6=1.1",
      "1.5+2=4",
      "3+4<=8",
      "3+4>=8",
      "3+4!=8",
      "3+4==8",
      "3+4:=8",
      "3+4=>8",
      "2(3+4)=7",
      "(3+4)(2)=7",
      "7+=3",
      "+=",
      "7+\n3=4",
      "7/0=0",
      "\\frac{1}{2}-3=-3",
      "7 and 3 make 10-2",
      "2*3 and 4 make 10",
      "fox less 3 and 4 make 2",
      "7和3=",
      std::string("7\0+3=11", 8),
  };
  for (const std::string& text : texts) EXPECT_EQ(Steps(text), "0/0") << text;
}

// Statements of known truth between words and marks that are none.
TEST(StepsTest, CountsWhatWasPutIn) {
  const std::vector<std::string> fillers = {
      " so ", "\n", ", ", "; then ", " (ok) ", "。", " 所以 ", "\n- ", ": ",
  };
  struct Form {
    const char *plus, *minus, *equals;
  };
  const std::vector<Form> forms = {{" and ", " less ", " make "},
                                   {"加", "减", "得"},
                                   {"+", "-", "="},
                                   {" + ", " - ", " = "}};
  for (int round = 0; round < 2000; ++round) {
    RandomSequence random(3, RandomStream::kData, round, 0);
    std::string text;
    int64_t right = 0;
    const int64_t all = random.NextBelow(8);
    for (int64_t i = 0; i < all; ++i) {
      const Form& form = forms[random.NextBelow(forms.size())];
      int64_t value = random.NextBelow(50);
      std::string statement = absl::StrCat(value);
      for (int64_t terms = 1 + random.NextBelow(2); terms > 0; --terms) {
        const int64_t term = random.NextBelow(20);
        const bool adds = term > value || random.NextBelow(2) == 0;
        value += adds ? term : -term;
        absl::StrAppend(&statement, adds ? form.plus : form.minus, term);
      }
      const bool is_right = random.NextBelow(3) > 0;
      right += is_right;
      absl::StrAppend(&text, fillers[random.NextBelow(fillers.size())],
                      statement, form.equals,
                      is_right ? value : value + 1 + random.NextBelow(9));
    }
    EXPECT_EQ(Steps(text), absl::StrCat(right, "/", all)) << text;
  }
}

TEST(StepsTest, LongSidesAreNoneAndNothingElseIsLost) {
  std::string ones = "1";
  for (int i = 0; i < 3000; ++i) ones += "+1";
  EXPECT_EQ(Steps(absl::StrCat("1+1=2\n", ones, "=3001\n2+2=4")), "2/2");
  EXPECT_EQ(Steps(absl::StrCat(ones, "=2+2=4")), "1/1");
}

TEST(TrueStepsRuleTest, ScoresTheShareOfTheReasoning) {
  const RewardRegistry registry = BuiltinRewardRules();
  const std::string text =
      "<think>7 and 3 make 10, 10 less 7 make 4, is it 3? no\n7加3得10\n"
      "</think><answer>1+1=3</answer>";
  const auto rule = registry.Make("true_steps", {});
  ASSERT_TRUE(rule.ok()) << rule.status();
  const RuleResult result = ScoreOne(**rule, MakeItem(text));
  EXPECT_EQ(result.kind, REWARD_SCORE);
  EXPECT_EQ(result.value, 2.0 / 3);
  EXPECT_EQ(result.detail, "2 of 3 sums are right; wrong: 10 less 7 make 4");
  EXPECT_EQ(result.metrics.at("statements"), 3);
  EXPECT_EQ(ScoreOne(**registry.Make("true_steps", {{"part", "whole"}}),
                     MakeItem(text))
                .value,
            0.5);
  EXPECT_EQ(ScoreOne(**rule, MakeItem("<think>I guess</think>")).kind,
            REWARD_NOT_APPLICABLE);
  EXPECT_FALSE(registry.Make("true_steps", {{"part", "half"}}).ok());
}

}  // namespace
}  // namespace r1
