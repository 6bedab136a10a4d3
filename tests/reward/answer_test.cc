#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reward/answer/answer_rule.h"
#include "reward/answer/number.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

TEST(CanonicalNumberTest, EqualNumbersHaveOneForm) {
  const std::vector<std::vector<std::string>> classes = {
      {"72", "+72", "072", "72.", "72.0", " 72\n", "144/2", "72 / 1"},
      {"1000", "1,000", "1000.00", "1,000.0", "2,000/2"},
      {"-0.5", "-.5", "-1/2",
       "\xE2\x88\x92"
       "0.50",
       "-2/4"},
      {"0", "-0", "0.000", "0/7", "-0/7", "+0.", "0e7", "0.0e-9"},
      {"1234567", "1,234,567"},
      {"1/3", "2/6", "333333333333333333/999999999999999999"},
      // Longer than any machine word.
      {"123456789012345678901234567890", "123456789012345678901234567890.000",
       "123,456,789,012,345,678,901,234,567,890"},
      {"0.1234567890123456789", ".12345678901234567890"},
      // With an exponent, as JSON and Python spell them.
      {"1e22", "1E+22", "10000000000000000000000", "0.1e23", "1,000e19"},
      {"0.00002", "2e-05", "2E-5", "20e-6", "1/50000"},
      {"1.5e3", "1500", "1.5E+03", "15e2"},
      {"-12.5e-1", "-1.25", "-5/4"},
      {"18446744073709551616", "1.8446744073709551616e19"},
      {"1e-30", "0.000000000000000000000000000001"},
      {"999999999999999999"},
      {"1000000000000000000"},
      {"1000000000000000001"},
  };
  for (size_t a = 0; a < classes.size(); ++a) {
    for (const std::string& x : classes[a]) {
      ASSERT_TRUE(CanonicalNumber(x).has_value()) << x;
      for (size_t b = 0; b < classes.size(); ++b) {
        for (const std::string& y : classes[b]) {
          EXPECT_EQ(CanonicalNumber(x) == CanonicalNumber(y), a == b)
              << x << " and " << y;
        }
      }
    }
  }
}

TEST(CanonicalNumberTest, RefusesWhatIsNoNumber) {
  for (const std::string text : {"",
                                 " ",
                                 "-",
                                 "+",
                                 ".",
                                 "-.",
                                 "1e",
                                 "e6",
                                 "1e+",
                                 "1e6x",
                                 "1e1.5",
                                 "1e1001",
                                 "1e-1001",
                                 "1e99999999999999999999",
                                 "1e3/2",
                                 "0x10",
                                 "1,00",
                                 "1,0000",
                                 ",100",
                                 "1,000,",
                                 "1000,000",
                                 "1 000",
                                 "1_000",
                                 "1/0",
                                 "1/",
                                 "/2",
                                 "1/2/3",
                                 "1/-2",
                                 "1.5/2",
                                 "--1",
                                 "+-1",
                                 "1.2.3",
                                 "72%",
                                 "$72",
                                 "72 apples",
                                 "inf",
                                 "nan",
                                 "\xD9\xA3",
                                 "1234567890123456789/2"}) {
    EXPECT_FALSE(CanonicalNumber(text).has_value()) << text;
  }
  EXPECT_FALSE(CanonicalNumber(std::string("7\0", 2)).has_value());
}

TEST(LastNumberTest, FindsTheLastOne) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"none", ""},
      {"3 apples and 72.", "72."},
      {"costs $1,234.50 today", "1,234.50"},
      {"5-3", "3"},
      {"x-3", "3"},
      {"(2)-3", "3"},
      {"it is -3", "-3"},
      {"= \xE2\x88\x92"
       "3 K",
       "\xE2\x88\x92"
       "3"},
      {"about 3/4 of it", "3/4"},
      {"1,2345", "2345"},
      {"1, 2, 3,", "3"},
      {"3.", "3."},
      {"a.5b", ".5"},
      {"...", ""},
      {"12 /", "12"},
      {"about 1.5e3", "1.5e3"},
      {"2e-5.", "2e-5"},
      {"3e4x", "4"},
      {"it is 5e", "5"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(std::string(LastNumber(text)), expected) << text;
  }
}

TEST(AnswersEqualTest, NumbersAsNumbersAndTextAsText) {
  EXPECT_TRUE(AnswersEqual("1,000", "1000"));
  EXPECT_TRUE(AnswersEqual("0.50", "1/2"));
  EXPECT_TRUE(AnswersEqual(" no   solution\n", "no solution"));
  EXPECT_FALSE(AnswersEqual("No solution", "no solution"));
  EXPECT_FALSE(AnswersEqual("72 apples", "72"));
  EXPECT_FALSE(AnswersEqual("10%", "0.1"));
  EXPECT_FALSE(AnswersEqual("10000.9", "10000"));
  EXPECT_FALSE(AnswersEqual("0.33", "1/3"));
  // 2^100 and 2^100 + 1, equal as doubles.
  EXPECT_FALSE(AnswersEqual("1267650600228229401496703205377",
                            "1267650600228229401496703205376"));
  EXPECT_FALSE(AnswersEqual("5 or 6", "5"));
  EXPECT_FALSE(AnswersEqual("nan", "0"));
}

struct Case {
  std::string completion;
  std::string answer;  // of the reference
  double strict;
  double lenient;
};

TEST(ExactAnswerRuleTest, ScoresTheTable) {
  const std::vector<Case> cases = {
      {"<think>t</think><answer>72</answer>", "72", 1, 1},
      {"<think>t</think> <answer>\n72.0 \n</answer>", "72", 1, 1},
      {"<answer>1,024</answer>", "1024", 1, 1},
      {"<think>t</think><answer>Paris </answer>", "Paris", 1, 1},
      {"<think>t</think><answer>73</answer>", "72", 0, 0},
      {"<think>t</think><answer>$72</answer>", "72", 0, 1},
      {"<think>t</think><answer>it is 72</answer>", "72", 0, 1},
      {"<think>72</think><answer>73</answer>", "72", 0, 0},
      // Enumerating candidates.
      {"<think>t</think><answer>71</answer><answer>72</answer>", "72", 0, 1},
      {"<think>t</think><answer>71, 72</answer>", "71", 0, 0},
      {"<think>t</think><answer>71 or 72</answer>", "71", 0, 0},
      // No answer tag: only the lenient rule looks further.
      {"The answer is 72.", "72", 0, 1},
      {"72 is not it, 73 is", "72", 0, 0},
      {"<think>72", "72", 0, 1},
      {"The answer is Paris", "Paris", 0, 0},
      {"", "72", 0, 0},
      {"<think>t</think><answer></answer>", "72", 0, 0},
  };
  for (const Case& c : cases) {
    const RewardItem item = MakeItem(
        c.completion, absl::StrCat("{\"answer\": \"", c.answer, "\"}"));
    const RuleResult strict = ExactAnswerRule().Score(item, {});
    EXPECT_EQ(strict.kind, REWARD_SCORE) << c.completion;
    EXPECT_EQ(strict.value, c.strict) << c.completion << ": " << strict.detail;
    const RuleResult lenient = ExactAnswerLenientRule().Score(item, {});
    EXPECT_EQ(lenient.kind, REWARD_SCORE) << c.completion;
    EXPECT_EQ(lenient.value, c.lenient) << c.completion;
  }
}

TEST(ExactAnswerRuleTest, AnIntegerReferenceIsItsDigits) {
  const RewardItem item =
      MakeItem("<answer>72</answer>", "{\"answer\": 72, \"more\": [1]}");
  EXPECT_EQ(ExactAnswerRule().Score(item, {}).value, 1);
}

TEST(ExactAnswerRuleTest, ANumberCountsAsItIsSpelled) {
  const std::vector<std::vector<std::string>> cases = {
      {"0.5", "1/2", "0.50"},
      {"18446744073709551616", "18446744073709551616"},
      {"-9223372036854775809", "-9223372036854775809"},
      {"0.00002", "0.00002", "2e-5"},
      {"1e22", "10000000000000000000000", "1e22"},
      {"1e-7", "0.0000001"},
      {"123456789.123456789", "123456789.123456789"},
      {"1.50", "1.5", "3/2"},
      {"12345678901234567890123", "12345678901234567890123"},
  };
  for (const std::vector<std::string>& texts : cases) {
    const std::string reference =
        absl::StrCat("{\"tests\": [1e-9], \"answer\": ", texts[0], " }");
    for (size_t i = 1; i < texts.size(); ++i) {
      const std::string answer =
          absl::StrCat("<answer>", texts[i], "</answer>");
      const RewardItem item = MakeItem(answer, reference);
      EXPECT_EQ(ExactAnswerRule().Score(item, {}).value, 1) << answer;
      EXPECT_EQ(ExactAnswerLenientRule().Score(item, {}).value, 1) << answer;
    }
    const RewardItem other = MakeItem("<answer>7</answer>", reference);
    EXPECT_EQ(ExactAnswerRule().Score(other, {}).value, 0) << texts[0];
  }
}

TEST(ExactAnswerRuleTest, AMissingFieldIsNamedWithThoseThereAre) {
  const RuleResult result = ExactAnswerRule().Score(
      MakeItem("<answer>7</answer>", "{\"solution\": \"7\", \"level\": 3}"),
      {});
  EXPECT_EQ(result.kind, REWARD_ABSTAIN);
  EXPECT_NE(result.detail.find("needs the field \"answer\""),
            std::string::npos);
  EXPECT_NE(result.detail.find("has only: solution, level"), std::string::npos);
}

TEST(ExactAnswerRuleTest, AbstainsOnAnUnusableReference) {
  std::string nested(500000, '[');
  for (const std::string& reference :
       {std::string(""), std::string("72"), std::string("{}"),
        std::string("{\"answer\": \"\"}"), std::string("{\"answer\": \" \"}"),
        std::string("{\"answer\": true}"), std::string("{\"answer\": null}"),
        std::string("{\"answer\": [\"72\"]}"), std::string("{\"answer\": \"72"),
        std::string("not json"), std::string("{\"answer\": \"\xFF\"}"), nested,
        std::string("{\"answer\": \"") + std::string(2000000, '7') + "\"}"}) {
    const RewardItem item = MakeItem("<answer>72</answer>", reference);
    const RuleResult strict = ExactAnswerRule().Score(item, {});
    EXPECT_EQ(strict.kind, REWARD_ABSTAIN) << reference.substr(0, 40);
    EXPECT_NE(strict.detail.find("unusable reference"), std::string::npos);
    EXPECT_LT(strict.detail.size(), 400u);
    EXPECT_EQ(ExactAnswerLenientRule().Score(item, {}).kind, REWARD_ABSTAIN);
  }
}

}  // namespace
}  // namespace r1
