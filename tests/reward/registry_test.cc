#include "reward/registry.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RewardRegistryTest, FindsWhatWasRegistered) {
  RewardRegistry registry;
  auto rule = ConstantRule(RuleResult::Score(0.25));
  const RewardRule* address = rule.get();
  ASSERT_TRUE(registry.Register("mine", std::move(rule)).ok());
  const auto found = registry.Find("mine");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, address);
  EXPECT_THAT(registry.Names(), ElementsAre("mine"));
}

TEST(RewardRegistryTest, UnknownNamesAreAnsweredWithTheNearest) {
  const RewardRegistry registry = BuiltinRewardRules();
  const absl::Status status = registry.Find("countdwon").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "unknown reward rule \"countdwon\"; known: countdown, "
            "countdown_lenient, exact_answer, exact_answer_lenient, format, "
            "format_lenient, math, overlong; did you mean \"countdown\"?");
  const std::string huge(5000000, 'x');
  EXPECT_LT(registry.Find(huge).status().message().size(), 400u);
  EXPECT_THAT(std::string(RewardRegistry().Find("a").status().message()),
              HasSubstr("known: none"));
}

TEST(RewardRegistryTest, RefusesBadNamesNullAndDoubles) {
  RewardRegistry registry;
  const auto code = [&](const std::string& name) {
    return registry.Register(name, ConstantRule(RuleResult::Score(0))).code();
  };
  for (const std::string& name :
       {std::string(), std::string("Upper"), std::string("a b"),
        std::string("a\n"), std::string("\xC3\xA4"), std::string(65, 'a')}) {
    EXPECT_EQ(code(name), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(registry.Register("null", nullptr).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::string(64, 'a')), absl::StatusCode::kOk);
  EXPECT_EQ(code("a_1"), absl::StatusCode::kOk);
  EXPECT_EQ(code("a_1"), absl::StatusCode::kAlreadyExists);
}

TEST(DefaultRulesTest, AnswerAndFormatCountTheRestIsMeasured) {
  const auto text = [](Task task) {
    std::string line;
    for (const RewardRuleSpec& spec : DefaultRules(task)) {
      line += spec.name() + ":" +
              (spec.weight() == 1   ? "1 "
               : spec.weight() == 0 ? "0 "
                                    : "? ");
    }
    return line;
  };
  EXPECT_EQ(text(COUNTDOWN),
            "countdown:1 format:1 countdown_lenient:0 format_lenient:0 "
            "overlong:0 ");
  const char* answer =
      "exact_answer:1 format:1 exact_answer_lenient:0 format_lenient:0 "
      "overlong:0 ";
  EXPECT_EQ(text(ARITHMETIC), answer);
  EXPECT_EQ(text(QUESTION_ANSWER), answer);
}

TEST(DefaultRulesTest, EveryDefaultRuleIsBuiltIn) {
  const RewardRegistry registry = BuiltinRewardRules();
  for (const Task task : {COUNTDOWN, ARITHMETIC, QUESTION_ANSWER}) {
    for (const RewardRuleSpec& spec : DefaultRules(task)) {
      EXPECT_TRUE(registry.Find(spec.name()).ok()) << spec.name();
    }
    EXPECT_TRUE(registry.Find(LenientAnswerRuleName(task)).ok());
  }
}

TEST(ConfiguredRulesTest, TheConfigurationWins) {
  RewardSection section;
  EXPECT_EQ(ConfiguredRules(section, COUNTDOWN).size(),
            DefaultRules(COUNTDOWN).size());
  section.add_rule()->set_name("overlong");
  auto* second = section.add_rule();
  second->set_name("format");
  second->set_weight(0.5);
  const auto rules = ConfiguredRules(section, COUNTDOWN);
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].name(), "overlong");
  EXPECT_EQ(rules[0].weight(), 1);  // the field's default
  EXPECT_EQ(rules[1].name(), "format");
  EXPECT_EQ(rules[1].weight(), 0.5);
}

}  // namespace
}  // namespace r1
