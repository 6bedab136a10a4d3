// Constraints on answers. Expected values by hand.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/instruction/constraints.h"
#include "reward/outlook.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RuleResult Instruct(const std::string& constraints, const std::string& answer,
                    const RuleOptions& options = {}) {
  const RewardRegistry registry = BuiltinRewardRules();
  return ScoreOne(
      **registry.Make("instruction", options),
      MakeItem(absl::StrCat("<think>t</think><answer>", answer, "</answer>"),
               absl::StrCat("{\"constraints\":", constraints, "}")));
}

TEST(ReadWordsTest, SplitsAtWhatIsNoWord) {
  EXPECT_THAT(ReadWords(" (fox,  owl) - bee. ").words,
              ElementsAre("fox", "owl", "bee"));
  EXPECT_THAT(ReadWords("Don't re-read x_1").words,
              ElementsAre("Don't", "re-read", "x_1"));
  EXPECT_THAT(ReadWords("狐狸、bee").words, ElementsAre("狐", "狸", "bee"));
  EXPECT_THAT(ReadWords("“naïve” – été…").words, ElementsAre("naïve", "été"));
  EXPECT_THAT(ReadWords("- ' _ \xFF").words, IsEmpty());
  EXPECT_EQ(ReadWords(" a \n\t b ").text, "a b");
  EXPECT_THAT(ReadWords("A Bé").lower, ElementsAre("a", "bé"));
}

TEST(InstructionRuleTest, EveryConstraintJudgesWhatItIsFor) {
  struct Case {
    std::string constraints;
    std::vector<std::string> right, wrong;
  };
  const std::vector<Case> cases = {
      {R"({"words":["fox","owl"]})",
       {"fox owl", "fox, owl", "(FOX owl)", "Fox\nOwl."},
       {"owl fox", "fox", "fox owl bee", "foxowl"}},
      {R"({"words":[]})", {"...", "()"}, {"a"}},
      {R"({"of":["fox","owl","owl"]})",
       {"fox", "owl owl", "OWL fox owl"},
       {"bee", "fox fox", "owl owl owl", "fox bee"}},
      {R"({"count":2})", {"a b", "a, b."}, {"a", "a b c", "-"}},
      {R"({"count":0})", {"?"}, {"a"}},
      {R"({"order":"alphabet"})",
       {"bat bee cat", "a", "Bat bee", "bee bee"},
       {"bee bat", "b B a"}},
      {R"({"case":"lower"})", {"fox", "3 é"}, {"Fox", "foX"}},
      {R"({"case":"upper"})", {"FOX", "3"}, {"FOx", "fox"}},
      {R"({"form":"plain"})",
       {"fox owl", "fox\n  owl", "3"},
       {"fox, owl", "(fox)", "fox.", "- fox"}},
      {R"({"form":"commas"})",
       {"fox, owl, bee", "fox"},
       {"fox owl", "fox,owl", "fox, owl,", "fox , owl", "(fox, owl)"}},
      {R"({"form":"brackets"})",
       {"(fox owl)", "(fox)"},
       {"fox owl", "( fox owl )", "[fox owl]", "(fox, owl)", "(fox) owl"}},
  };
  for (const Case& c : cases) {
    for (const std::string& answer : c.right) {
      const RuleResult result = Instruct(c.constraints, answer);
      EXPECT_EQ(result.kind, REWARD_SCORE) << result.detail;
      EXPECT_EQ(result.value, 1) << c.constraints << " " << answer;
    }
    for (const std::string& answer : c.wrong) {
      const RuleResult result = Instruct(c.constraints, answer);
      EXPECT_EQ(result.kind, REWARD_SCORE) << result.detail;
      EXPECT_EQ(result.value, 0) << c.constraints << " " << answer;
    }
  }
}

TEST(InstructionRuleTest, AllMustHoldOrTheirShareCounts) {
  const std::string all =
      R"({"words":["fox","owl"],"count":2,"case":"upper","form":"brackets"})";
  EXPECT_EQ(Instruct(all, "(FOX OWL)").value, 1);
  const RuleResult half = Instruct(all, "fox owl");
  EXPECT_EQ(half.value, 0);
  EXPECT_EQ(half.detail, "answered \"fox owl\", which breaks case, form");
  EXPECT_EQ(Instruct(all, "fox owl", {{"fraction", "true"}}).value, 0.5);
  EXPECT_EQ(Instruct(all, "(FOX OWL)", {{"fraction", "true"}}).value, 1);
  EXPECT_EQ(Instruct(all, "bee", {{"fraction", "true"}}).value, 0);
}

TEST(InstructionRuleTest, OnlyTheAnswerCounts) {
  const RewardRegistry registry = BuiltinRewardRules();
  const auto rule = registry.Make("instruction", {{"fraction", "true"}});
  const std::string reference = R"({"constraints":{"words":["fox"]}})";
  EXPECT_EQ(ScoreOne(**rule, MakeItem("fox", reference)).value, 0);
  EXPECT_EQ(ScoreOne(**rule, MakeItem("<think><answer>fox</answer>", reference))
                .value,
            0);
  EXPECT_EQ(ScoreOne(**rule, MakeItem("so <answer>fox</answer> yes", reference))
                .value,
            1);
}

TEST(InstructionRuleTest, UnusableReferencesAbstainWithTheReason) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{}", "an object with one at least of"},
      {"[]", "an object with one at least of"},
      {"{\"size\":3}", "\"size\": expected one of words, of, count"},
      {"{\"words\":\"fox\"}",
       "\"words\": expected a list of texts, got string"},
      {"{\"words\":[1]}", "\"words\": expected a list of texts"},
      {"{\"count\":-1}", "\"count\": expected an integer of 0 or more"},
      {"{\"count\":1.5}", "\"count\": expected an integer of 0 or more"},
      {"{\"case\":\"title\"}", "\"case\": expected lower or upper, got title"},
      {"{\"form\":null}", "\"form\": expected plain or commas or brackets"},
      {"{\"order\":1}", "\"order\": expected alphabet"},
  };
  for (const auto& [constraints, reason] : cases) {
    const RuleResult result = Instruct(constraints, "fox");
    EXPECT_EQ(result.kind, REWARD_ABSTAIN) << constraints;
    EXPECT_THAT(result.detail, HasSubstr(reason));
    const Outlook outlook = CheckReference(
        "instruction", {}, absl::StrCat("{\"constraints\":", constraints, "}"));
    EXPECT_EQ(outlook.grade, Outlook::kHopeless) << constraints;
  }
  EXPECT_EQ(CheckReference("instruction", {}, "{\"answer\":\"1\"}").grade,
            Outlook::kHopeless);
  EXPECT_EQ(
      CheckReference("instruction", {}, R"({"constraints":{"count":1}})").grade,
      Outlook::kGood);
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_EQ(Instruct(absl::StrCat("{\"words\":", deep, "}"), "fox").kind,
            REWARD_ABSTAIN);
}

}  // namespace
}  // namespace r1
