#include "reward/core/registry.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RewardRegistryTest, MakesWhatWasRegistered) {
  RewardRegistry registry;
  ASSERT_TRUE(
      registry.Register("mine", ConstantRule(RuleResult::Score(0.25))).ok());
  const auto made = registry.Make("mine", {});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(ScoreOne(**made, MakeItem("x")).value, 0.25);
  EXPECT_THAT(registry.Names(), ElementsAre("mine"));
}

TEST(RewardRegistryTest, UnknownNamesAreAnsweredWithTheNearest) {
  const RewardRegistry registry = BuiltinRewardRules();
  const absl::Status status = registry.Make("countdwon", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      status.message(),
      "unknown reward rule \"countdwon\"; known: code, cosine, countdown, "
      "countdown_lenient, exact_answer, exact_answer_lenient, format, "
      "format_lenient, group_length, instruction, language, math, overlong, "
      "refusal, repetition, tag_count, true_steps; did you mean "
      "\"countdown\"?");
  const std::string huge(5000000, 'x');
  EXPECT_LT(registry.Make(huge, {}).status().message().size(), 600u);
  EXPECT_THAT(std::string(RewardRegistry().Make("a", {}).status().message()),
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
      EXPECT_TRUE(registry.Make(spec.name(), {}).ok()) << spec.name();
    }
    EXPECT_TRUE(registry.Make(LenientAnswerRuleName(task), {}).ok());
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
  (*second->mutable_option())["n"] = "4";
  const auto rules = ConfiguredRules(section, COUNTDOWN);
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0].name(), "overlong");
  EXPECT_EQ(rules[0].weight(), 1);  // the field's default
  EXPECT_EQ(rules[1].name(), "format");
  EXPECT_EQ(rules[1].weight(), 0.5);
  EXPECT_EQ(rules[0].option_size(), 0);
  ASSERT_EQ(rules[1].option_size(), 1);
  EXPECT_EQ(rules[1].option().at("n"), "4");
  // Neither says whether an answer is right: evaluations ask the task's rule,
  // and training measures the same.
  EXPECT_EQ(rules[2].name(), "countdown");
  EXPECT_EQ(rules[2].weight(), 0);
}

TEST(EvalRulesTest, AreThoseThatSayWhen) {
  const auto names = [](const std::vector<RewardRuleSpec>& rules) {
    std::string line;
    for (const RewardRuleSpec& rule : rules) {
      line += rule.name() + " ";
      for (const auto& [key, value] : rule.option()) {
        line += key + "=" + value + " ";
      }
    }
    return line;
  };
  RewardSection section;
  EXPECT_EQ(names(EvalRules(section, COUNTDOWN)), "countdown ");
  EXPECT_EQ(names(EvalRules(section, ARITHMETIC)), "exact_answer ");
  const auto add = [&](const char* name, const char* when) {
    WeightedRule* rule = section.add_rule();
    rule->set_name(name);
    if (*when != 0) (*rule->mutable_option())["when"] = when;
  };
  add("format", "");
  EXPECT_EQ(names(EvalRules(section, COUNTDOWN)), "countdown ");
  add("overlong", "train");
  add("language", "eval");
  add("repetition", "both");
  add("cosine", "never");
  EXPECT_EQ(names(EvalRules(section, COUNTDOWN)), "language repetition ");
  // A bad value is kept, to be refused.
  EXPECT_EQ(names(ConfiguredRules(section, COUNTDOWN)),
            "format overlong repetition cosine when=never ");
}

// Rules as "name*weight@when"; "*1" and "@train" may be left out, "!" is a gate
// and "?name" the option "answer".
RewardSection Section(const std::string& text) {
  RewardSection section;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    WeightedRule* rule = section.add_rule();
    const size_t end = word.find_first_of("*@!?");
    rule->set_name(std::string(word.substr(0, end)));
    if (absl::StrContains(word, "*0")) rule->set_weight(0);
    if (absl::StrContains(word, "*-")) rule->set_weight(-1);
    auto& option = *rule->mutable_option();
    if (absl::StrContains(word, "!")) option["gate"] = "1";
    const size_t answer = word.find('?');
    if (answer != word.npos)
      option["answer"] = std::string(word.substr(answer + 1));
    const size_t when = word.find('@');
    if (when != word.npos) option["when"] = std::string(word.substr(when + 1));
  }
  return section;
}

// Who judges evaluations, what they measure beside, and whose share of right
// answers is the training metric.
TEST(EvalRulesTest, TheJudgeIsTheRuleThatTrainingPaysForUnlessToldOtherwise) {
  const struct {
    const char* rules;
    const char* evaluation;
    const char* accuracy;
  } kCases[] = {
      {"", "exact_answer", "exact_answer"},
      {"math", "math", "math"},
      {"math format", "math", "math"},
      {"format math", "math", "math"},
      {"format language repetition code", "code", "code"},
      {"exact_answer_lenient format", "exact_answer_lenient",
       "exact_answer_lenient"},
      // Rules of one's own, whatever they are called.
      {"mine", "mine", "mine"},
      {"format mine other", "mine", "mine"},
      {"brevity math", "math", "math"},
      {"toxicity*- mine", "mine", "mine"},
      {"mine exact_answer*0", "mine", "mine"},
      // Paid by way of a gate, or of a rule that reads the score.
      {"math*0! language", "math", "math"},
      {"exact_answer*0 math*0 cosine?math", "math", "math"},
      {"countdown*0 group_length*0?countdown math", "math", "math"},
      // Nothing that is paid for judges answers.
      {"format math*0", "math", "math"},
      {"format", "exact_answer", "exact_answer"},
      {"toxicity*- format", "exact_answer", "exact_answer"},
      // Told otherwise.
      {"exact_answer math@eval", "math", "exact_answer"},
      {"exact_answer math@both", "math", "math"},
      {"format@both math@both", "math format", "math"},
      {"math@both mine@both", "math mine", "math"},
      {"mine@eval math@both", "mine math", "math"},
      {"exact_answer mine@eval", "mine", "exact_answer"},
      {"format mine@eval", "mine", ""},
      // What only measures does not take the place of the judge.
      {"math language@both", "math language", "math"},
      {"mine tag_count@eval repetition@both", "mine tag_count repetition",
       "mine"},
      {"format tag_count@eval", "tag_count", ""},
  };
  for (const auto& [rules, evaluation, accuracy] : kCases) {
    const RewardSection section = Section(rules);
    std::vector<std::string> names;
    for (const RewardRuleSpec& rule : EvalRules(section, QUESTION_ANSWER)) {
      names.push_back(rule.name());
      EXPECT_FALSE(rule.option().contains("when")) << rules;
    }
    EXPECT_EQ(absl::StrJoin(names, " "), evaluation) << rules;
    EXPECT_EQ(absl::StrJoin(AccuracyRules(section, QUESTION_ANSWER), " "),
              accuracy)
        << rules;
    // The metric needs the rule's score in training.
    std::set<std::string> training;
    for (const RewardRuleSpec& rule :
         ConfiguredRules(section, QUESTION_ANSWER)) {
      EXPECT_TRUE(training.insert(rule.name()).second) << rules;
    }
    EXPECT_TRUE(*accuracy == 0 || training.contains(accuracy)) << rules;
  }
}

// Every built-in rule is known to judge answers or to look at something else.
TEST(EvalRulesTest, RulesForSomeRowsJudgeTheirs) {
  struct Case {
    std::string rules, eval, judges, accuracy;
  };
  const std::string code =
      "rule { name: 'code' weight: 1 option { key: 'for' value: 'b' } }";
  const std::string math =
      "rule { name: 'math' weight: 1 option { key: 'for' value: 'a' } }";
  const std::string judged_code =
      "rule { name: 'code' weight: 1 option { key: 'for' value: 'b' } "
      "option { key: 'when' value: 'both' } }";
  const std::vector<Case> cases = {
      {math + code, "math code", "math code", "math code"},
      {code + math, "code math", "code math", "code math"},
      {math + "rule { name: 'format' weight: 1 }" + code, "math code",
       "math code", "math code"},
      // Told to judge, then what training pays for.
      {math + judged_code, "code math", "code math", "code math"},
      {math + judged_code +
           "rule { name: 'language' option { key: 'when' value: 'eval' } }",
       "code math language", "code math", "code math"},
      // One that is for every row judges every row.
      {"rule { name: 'math' weight: 1 }" + code, "math", "math", "math"},
      {"rule { name: 'language' weight: 1 option { key: 'for' value: 'a' } }" +
           math,
       "math", "math", "math"}};
  const auto names = [](const std::vector<RewardRuleSpec>& rules) {
    return absl::StrReplaceAll(RuleNames(rules), {{", ", " "}});
  };
  for (const Case& c : cases) {
    RewardSection section;
    ASSERT_TRUE(
        google::protobuf::TextFormat::ParseFromString(c.rules, &section));
    const auto rules = EvalRules(section, QUESTION_ANSWER);
    EXPECT_EQ(names(rules), c.eval) << c.rules;
    EXPECT_EQ(names(JudgesOf(rules)), c.judges) << c.rules;
    EXPECT_EQ(absl::StrJoin(AccuracyRules(section, QUESTION_ANSWER), " "),
              c.accuracy)
        << c.rules;
  }
}

TEST(EvalRulesTest, BuiltInRulesAreNotTakenForRulesOfOnesOwn) {
  std::string judges;
  for (const std::string& name : BuiltinRewardRules().Names()) {
    const RewardSection section = Section(name);
    if (EvalRules(section, ARITHMETIC)[0].name() == name) {
      absl::StrAppend(&judges, name, " ");
    }
  }
  EXPECT_EQ(judges,
            "code countdown countdown_lenient exact_answer "
            "exact_answer_lenient instruction math refusal ");
}

}  // namespace
}  // namespace r1
