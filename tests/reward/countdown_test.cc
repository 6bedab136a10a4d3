#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "reward/countdown/countdown_rule.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

constexpr char kReference[] = "{\"nums\": [3, 5, 7], \"target\": 22}";

std::string Tagged(const std::string& answer) {
  return "<think>hm</think>\n<answer>" + answer + "</answer>";
}

struct Case {
  std::string answer;
  double value;
};

TEST(CountdownRuleTest, ScoresTheTable) {
  const std::vector<Case> cases = {
      {"3*5+7", 1},
      {"7 + 3 * 5", 1},
      {"(3*5)+7", 1},
      {"7+5*3 = 22", 1},
      {"7+5*3=22\n", 1},
      {"7-(-(5*3))", 1},
      {"5\xC3\x97"
       "3+7",
       1},
      {"-(0-1)", 0},
      // Wrong value.
      {"3+5+7", 0},
      {"3*5+7 = 23", 0},
      {"3+5+7 = 22", 0},
      // A number twice, a number left out, a foreign number.
      {"3*5+7+3-3", 0},
      {"7+7+5+3", 0},
      {"15+7", 0},
      {"22", 0},
      {"3*5+7*1", 0},
      {"3*5+7+0", 0},
      {"35-7-3-3", 0},
      {"5*3+7+5/5-5/5", 0},
      // Statements that do not end in the target.
      {"3*5+7 = 22 = 22", 0},
      {"22 = 3*5+7", 0},
      {"3*5+7 =", 0},
      {"3*5+7 == 22", 0},
      {"3*5+7 = 44/2", 0},
      {"3*5+7 = 22.0", 0},
      {"= 22", 0},
      {"x = 3*5+7", 0},
      // No expression.
      {"the answer is 3*5+7", 0},
      {"$3*5+7$", 0},
      {"\\boxed{3*5+7}", 0},
      {"3*5+7 or 3*5+7", 0},
      {"3*5+7, 3+5+7", 0},
      {"3*5+7;22", 0},
      {"eval('3*5+7')", 0},
      {"1/0", 0},
      {"3*5+7/(5-5)", 0},
      {"inf", 0},
      {"nan", 0},
      {"99999999999999999999999999999999999999999", 0},
      {"3*5+7<answer>3*5+7", 0},
  };
  for (const Case& c : cases) {
    const RuleResult result =
        CountdownRule().Score(MakeItem(Tagged(c.answer), kReference), {});
    EXPECT_EQ(result.kind, REWARD_SCORE) << c.answer;
    EXPECT_EQ(result.value, c.value) << c.answer << ": " << result.detail;
    EXPECT_EQ(result.detail.empty(), c.value == 1) << c.answer;
  }
}

TEST(CountdownRuleTest, CompletionsWithHackStrings) {
  const std::vector<Case> completions = {
      {"<answer>3*5+7</answer>", 1},
      {"we add</think><answer>3*5+7</answer>", 1},
      {"<think><answer>1</answer></think><answer>3*5+7</answer>", 1},
      {"<think>t</think>the answer: <answer>3*5+7</answer> done", 1},
      // Several candidates, whichever is right.
      {"<think>t</think><answer>3*5+7</answer><answer>3</answer>", 0},
      {"<think>t</think><answer>3</answer><answer>3*5+7</answer>", 0},
      {"<think>t</think><answer>3*5+7</answer><answer>3*5+7</answer>", 0},
      // Not an answer: inside the reasoning, unfinished, absent.
      {"<think><answer>3*5+7</answer></think>", 0},
      {"<think>t <answer>3*5+7</answer>", 0},
      {"<think>t</think><answer>3*5+7", 0},
      {"<think>t</think>3*5+7", 0},
      {"<think>a</think><think><answer>3*5+7</answer>", 0},
      {"3*5+7", 0},
      {"", 0},
      {std::string("<answer>3*5+7\0</answer>", 23), 0},
      {"<ANSWER>3*5+7</ANSWER>", 0},
  };
  for (const Case& c : completions) {
    const RuleResult result =
        CountdownRule().Score(MakeItem(c.answer, kReference), {});
    EXPECT_EQ(result.kind, REWARD_SCORE) << c.answer;
    EXPECT_EQ(result.value, c.value) << c.answer << ": " << result.detail;
  }
}

TEST(CountdownRuleTest, DetailSaysWhatIsWrong) {
  const auto detail = [](const std::string& answer) {
    return CountdownRule()
        .Score(MakeItem(Tagged(answer), kReference), {})
        .detail;
  };
  EXPECT_EQ(detail("3+5"), "7 is not used");
  EXPECT_EQ(detail("3+5+7+7"), "7 is used too often");
  EXPECT_EQ(detail("3+5+8"), "8 is not given");
  EXPECT_EQ(detail("3+5/7"), "is 26/7, the target is 22");
  EXPECT_EQ(detail("3*5+7=21"), "states \"= 21\", the target is 22");
}

TEST(CountdownRuleTest, GivenNumbersMayRepeatAndTargetsMayBeNegative) {
  const auto value = [](const std::string& answer,
                        const std::string& reference) {
    return CountdownRule().Score(MakeItem(Tagged(answer), reference), {}).value;
  };
  EXPECT_EQ(value("5*5-5", "{\"nums\": [5, 5, 5], \"target\": 20}"), 1);
  EXPECT_EQ(value("5*5", "{\"nums\": [5, 5, 5], \"target\": 25}"), 0);
  EXPECT_EQ(value("3-5 = -2", "{\"nums\": [5, 3], \"target\": -2}"), 1);
  EXPECT_EQ(value("8/(3-8/3)", "{\"nums\": [3, 3, 8, 8], \"target\": 24}"), 1);
  EXPECT_EQ(value("7", "{\"nums\": [7], \"target\": 7}"), 1);
}

TEST(CountdownRuleTest, AbstainsOnAnUnusableReference) {
  for (const std::string reference :
       {"", "{}", "[]", "{\"nums\": [3, 5]}", "{\"target\": 22}",
        "{\"nums\": [], \"target\": 22}", "{\"nums\": 3, \"target\": 22}",
        "{\"nums\": [3.5], \"target\": 22}", "{\"nums\": [-3], \"target\": 22}",
        "{\"nums\": [\"3\"], \"target\": 22}",
        "{\"nums\": [3], \"target\": 2.5}",
        "{\"nums\": [3], \"target\": 18446744073709551615}",
        "{\"nums\": [18446744073709551615], \"target\": 3}",
        "{\"nums\": [3], \"target\": null}",
        "{\"nums\": [3], \"target\": 22"}) {
    const RewardItem item = MakeItem(Tagged("3"), reference);
    EXPECT_EQ(CountdownRule().Score(item, {}).kind, REWARD_ABSTAIN)
        << reference;
    EXPECT_EQ(CountdownLenientRule().Score(item, {}).kind, REWARD_ABSTAIN)
        << reference;
  }
}

TEST(LastExpressionTest, FindsTheLastStretch) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"so 3*5+7 = 22.", "3*5+7"},
      {"3+5 is 8, then (3 + 5)*7!", "(3 + 5)*7"},
      {"- 3+5", "3+5"},
      {"a = 3+5 -", "3+5"},
      {"3+5\n7", "3+5"},
      {"3\xC3\x97"
       "5",
       "3\xC3\x97"
       "5"},
      {"42", ""},
      {"- 42 -", ""},
      {"", ""},
      {"3 +\n5", ""},
      {"3 5", ""},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(std::string(LastExpression(text)), expected) << text;
  }
}

TEST(CountdownLenientRuleTest, LooksBeyondTheTags) {
  const std::vector<Case> completions = {
      {"so 3*5+7 = 22, done", 1},
      {"<think>3*5+7", 1},
      {"<think>t</think><answer>The answer is 3*5+7</answer>", 1},
      {"<think>t</think><answer>1+1</answer><answer>3*5+7</answer>", 1},
      {"3*5+7 is right and 3+5+7 is wrong", 0},
      {"no expression", 0},
      // All that the strict rule accepts.
      {"<think>t</think><answer>3*-5+7</answer>", 0},
      {"<think>t</think><answer>-3*(-5)+7</answer>", 1},
      {"<think>t</think><answer>3*5\n+7</answer> = 1+1", 1},
  };
  for (const Case& c : completions) {
    const RuleResult result =
        CountdownLenientRule().Score(MakeItem(c.answer, kReference), {});
    EXPECT_EQ(result.kind, REWARD_SCORE) << c.answer;
    EXPECT_EQ(result.value, c.value) << c.answer << ": " << result.detail;
  }
}

TEST(CountdownRuleTest, AcceptsTheSolutionOfEveryProblem) {
  std::ifstream file(R1_SOURCE_DIR "/tests/data/countdown.jsonl");
  int num_rows = 0;
  for (std::string line; std::getline(file, line); ++num_rows) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(row.is_object()) << line;
    const std::string solution = row["solution"];
    const auto score = [&](const std::string& answer) {
      const RewardItem item = MakeItem(Tagged(answer), line);
      const RuleResult result = CountdownRule().Score(item, {});
      EXPECT_EQ(result.kind, REWARD_SCORE) << line;
      return result.value;
    };
    EXPECT_EQ(score(solution), 1) << line;
    EXPECT_EQ(score(absl::StrCat(solution, " + 1")), 0) << line;
  }
  EXPECT_EQ(num_rows, 200);
}

}  // namespace
}  // namespace r1
