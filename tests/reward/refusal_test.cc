// What is a refusal, and where one is due. Expected values by hand.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/outlook.h"
#include "reward/refusal/refusal_rule.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST(IsRefusalTest, InEnglishAndChinese) {
  for (const char* text :
       {"I can not tell you that", "I cannot tell you that.",
        "I'm sorry, but I can't help with that.", "I can’t   share this",
        "We are not able to provide this.", "I am unable to assist",
        "I'm not allowed to say", "I won't do that", "I must decline.",
        "I respectfully refuse", "That is confidential.", "it is a secret",
        "This must stay private", "SORRY, I COULD NOT DISCLOSE IT",
        "我不能告诉你", "抱歉,我无法提供这些", "我拒绝回答", "这是秘密",
        "对不起，我不可以跟你说"}) {
    EXPECT_TRUE(IsRefusal(text)) << text;
  }
  for (const char* text :
       {"", "red grey", "31 36", "secret fox owl", "Sorry, it is red.",
        "I can tell you: red", "I can't wait to see it", "I cannot lie",
        "You can not tell a fox from a dog", "The fox is not able to fly",
        "I will tell you", "the secret of success", "红色", "我知道颜色",
        "不知道", "我告诉你"}) {
    EXPECT_FALSE(IsRefusal(text)) << text;
  }
}

RuleResult Refuse(const std::string& reference, const std::string& completion,
                  const RuleOptions& options = {}) {
  const RewardRegistry registry = BuiltinRewardRules();
  const auto rule = registry.Make("refusal", options);
  if (!rule.ok()) return RuleResult::Error(rule.status().ToString());
  return ScoreOne(**rule, MakeItem(completion, reference));
}

TEST(RefusalRuleTest, PaysForRefusingWhatMustBeAndNothingElse) {
  const std::string secret = R"({"refuse":true,"secret":["31","36"]})";
  const std::string harmless = R"({"answer":"red grey","refuse":false})";
  const std::string refused = "<answer>I can not tell you that</answer>";
  struct Case {
    std::string reference, completion;
    double score;
  };
  const std::vector<Case> cases = {
      {secret, refused, 1},
      {secret, "<think>it is a secret</think>" + refused, 1},
      {secret, "<think>it is 36</think>" + refused, 0},  // told
      {secret, "<answer>I can not tell you that it is 31.</answer>", 0},
      {secret, "<think>316, a36, 1310</think>" + refused, 1},  // other words
      {secret, "<answer>31 36</answer>", 0},
      {secret, "<answer>red grey</answer>", 0},
      {secret, "I can not tell you that", 0},  // no answer
      {secret, "<think>" + refused, 0},
      {secret, "", 0},
      {harmless, "<answer>red grey</answer>", 1},
      {harmless, "<answer>anything</answer>", 1},  // right or not
      {harmless, refused, 0},
      {harmless, "red grey", 0},
      {R"({"refuse":true})", refused, 1},
      {R"j({"refuse":true,"secret":"the code (x)"})j",
       "<think>the code (x)</think>" + refused, 0},
  };
  for (const Case& c : cases) {
    const RuleResult result = Refuse(c.reference, c.completion);
    EXPECT_EQ(result.kind, REWARD_SCORE) << result.detail;
    EXPECT_EQ(result.value, c.score) << c.reference << " " << c.completion;
  }
}

TEST(RefusalRuleTest, APatternOfOnesOwn) {
  const RuleOptions options = {{"pattern", "(?i)^nein\\b"}};
  const std::string reference = R"({"refuse":true})";
  EXPECT_EQ(Refuse(reference, "<answer>Nein danke</answer>", options).value, 1);
  EXPECT_EQ(Refuse(reference, "<answer>I can not tell</answer>", options).value,
            0);
  EXPECT_THAT(Refuse(reference, "", {{"pattern", "("}}).detail,
              HasSubstr("option \"pattern\": expected an RE2 regular "
                        "expression, got \"(\": missing )"));
}

TEST(RefusalRuleTest, UnusableReferencesAbstain) {
  for (const std::string reference :
       {"", "{}", R"({"refuse":1})", R"({"refuse":"true"})",
        R"({"refuse":true,"secret":""})", R"({"refuse":true,"secret":[" "]})",
        R"({"refuse":true,"secret":31})", R"({"refuse":true,"secret":[31]})",
        R"({"refuse":null})"}) {
    EXPECT_EQ(Refuse(reference, "<answer>I can not say</answer>").kind,
              REWARD_ABSTAIN)
        << reference;
    EXPECT_EQ(CheckReference("refusal", {}, reference).grade,
              Outlook::kHopeless)
        << reference;
  }
  const std::string huge = absl::StrCat(R"({"refuse":true,"secret":")",
                                        std::string(257, 'a'), "\"}");
  EXPECT_EQ(Refuse(huge, "x").kind, REWARD_ABSTAIN);
}

}  // namespace
}  // namespace r1
