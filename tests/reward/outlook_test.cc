// What rules say of references before there are samples.
#include "reward/outlook.h"

#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using ::testing::HasSubstr;

Outlook OutlookOf(const std::string& rule, const std::string& reference) {
  return CheckReference(rule, {}, reference);
}

std::string Answer(const std::string& text) {
  return nlohmann::json{{"answer", text}}.dump();
}

TEST(OutlookTest, GoldsThatNoAnswerEqualsAsText) {
  const std::vector<std::tuple<std::string, Outlook::Grade, std::string>>
      cases = {
          {"72", Outlook::kGood, ""},
          {"-1,234.50", Outlook::kGood, ""},
          {"1e22", Outlook::kGood, ""},
          {"3/4", Outlook::kGood, ""},
          {"Paris", Outlook::kGood, ""},
          {"B", Outlook::kGood, ""},
          {"the second quadrant", Outlook::kGood, ""},
          {"Mira picks 3+4=<<3+4=7>>7 baskets.\n#### 7", Outlook::kHopeless,
           "task.answer_form: AFTER_HASHES"},
          {"#### 7", Outlook::kHopeless, "AFTER_HASHES"},
          {"So we get $x=\\boxed{7}$.", Outlook::kHopeless,
           "task.answer_form: BOXED"},
          {"\\boxed{7}", Outlook::kHopeless, "BOXED"},
          {"The answer is: 7", Outlook::kHopeless, "a sentence about"},
          {"Final Answer: yes", Outlook::kHopeless, "a sentence about"},
          {"N/A", Outlook::kHopeless, "stands for no answer"},
          {" none ", Outlook::kHopeless, "stands for no answer"},
          {"?", Outlook::kHopeless, "stands for no answer"},
          {std::string(301, 'x'), Outlook::kHopeless, "301 bytes"},
          {"", Outlook::kHopeless, "not blank"},
          {" \n", Outlook::kHopeless, "not blank"},
          {"7 apples", Outlook::kDoubtful, "rule math"},
          {"$7$", Outlook::kDoubtful, "rule math"},
          {"\\frac{a}{b}", Outlook::kDoubtful, "rule math"},
          {"A. 7", Outlook::kDoubtful, "rule math"},
          {"one\ntwo", Outlook::kDoubtful, "letter by letter"},
      };
  for (const auto& [gold, grade, why] : cases) {
    const Outlook outlook = OutlookOf("exact_answer", Answer(gold));
    EXPECT_EQ(outlook.grade, grade) << gold << ": " << outlook.why;
    EXPECT_THAT(outlook.why, HasSubstr(why)) << gold;
  }
}

TEST(OutlookTest, GoldsThatMathCannotRead) {
  for (const char* gold :
       {"72", "\\boxed{7}", "$7$", "7 apples", "So we get $x=\\boxed{7}$.",
        "The answer is: 7", "\\frac{a}{b}", "(1, 2]", "\\text{blue}"}) {
    const Outlook outlook = OutlookOf("math", Answer(gold));
    EXPECT_EQ(outlook.grade, Outlook::kGood) << gold << ": " << outlook.why;
  }
  for (const auto& [gold, why] :
       std::vector<std::pair<std::string, std::string>>{
           {"so 7\n#### 7", "AFTER_HASHES"},
           {"N/A", "stands for no answer"},
           {"", "not blank"},
           {"\\frac{1}{", "unusable gold"}}) {
    const Outlook outlook = OutlookOf("math", Answer(gold));
    EXPECT_EQ(outlook.grade, Outlook::kHopeless) << gold;
    EXPECT_THAT(outlook.why, HasSubstr(why)) << gold;
  }
}

TEST(OutlookTest, AFieldThatARuleNeedsIsNamedWithThoseThereAre) {
  const std::string row = R"({"solution": "7", "level": 3})";
  for (const auto& [rule, needs] :
       std::vector<std::pair<std::string, std::string>>{
           {"exact_answer", "needs the field \"answer\""},
           {"math", "needs the field \"answer\""},
           {"countdown", "needs the field \"nums\""},
           {"code", "expected either stdin_tests or test"}}) {
    const Outlook outlook = OutlookOf(rule, row);
    EXPECT_EQ(outlook.grade, Outlook::kHopeless) << rule;
    EXPECT_THAT(outlook.why, HasSubstr(needs));
    EXPECT_THAT(outlook.why, HasSubstr("level"));
  }
  EXPECT_EQ(OutlookOf("format", row).grade, Outlook::kGood);
  EXPECT_EQ(OutlookOf("countdown", R"({"nums":[1],"target":1,"x":0})").grade,
            Outlook::kGood);
  EXPECT_EQ(OutlookOf("code", R"({"stdin_tests":[["","1"]],"x":1e400})").grade,
            Outlook::kHopeless)
      << "no number that a reader of JSON takes";
  EXPECT_EQ(OutlookOf("code", R"({"stdin_tests":[["","1"]],"x":1e4})").grade,
            Outlook::kGood);
}

}  // namespace
}  // namespace r1
