#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/recipe.h"
#include "proto/recipe_names.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::string_view kBase =
    "seed: 5\n"
    "stage { rl { steps: 3 prompts: 8 } }\n"
    "rollout { stop: 'a' }\n"
    "reward { rule { name: 'format' } }\n"
    "task { }\n";

Recipe With(std::vector<std::string> overrides) {
  const auto config = ParseRecipe(kBase, "base", overrides);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Recipe();
}

std::string ErrorWith(std::vector<std::string> overrides) {
  const auto config = ParseRecipe(kBase, "base", overrides);
  return config.ok() ? "OK" : std::string(config.status().message());
}

TEST(ConfigOverrideTest, ReplacesScalarsAndKeepsTheRest) {
  const Recipe config = With({"rl.steps=10", "seed = 9"});
  EXPECT_EQ(config.stage(0).rl().steps(), 10);
  EXPECT_EQ(config.stage(0).rl().prompts(), 8);
  EXPECT_EQ(config.seed(), 9);
}

TEST(ConfigOverrideTest, TheLastOneWins) {
  EXPECT_EQ(With({"rl.steps=1", "rl.steps=2"}).stage(0).rl().steps(), 2);
}

TEST(ConfigOverrideTest, EveryKindOfScalar) {
  const Recipe config =
      With({"rl.learning_rate=2e-5", "rl.advantage=DR_GRPO",
            "model.tie_embeddings=false", "rl.entropy_coef=-0.5"});
  EXPECT_EQ(config.stage(0).rl().learning_rate(), 2e-5f);
  EXPECT_EQ(config.stage(0).rl().advantage(), DR_GRPO);
  EXPECT_FALSE(config.model().tie_embeddings());
  EXPECT_EQ(config.stage(0).rl().entropy_coef(), -0.5f);
}

TEST(ConfigOverrideTest, TextWithAndWithoutQuotes) {
  EXPECT_EQ(With({"model.path=/a b/c=d"}).model().path(), "/a b/c=d");
  EXPECT_EQ(With({"model.path=\"/a b\\n\""}).model().path(), "/a b\n");
  EXPECT_EQ(With({"model.path=' x '"}).model().path(), " x ");
  EXPECT_EQ(With({"model.path=1"}).model().path(), "1");
  EXPECT_EQ(With({"model.path=[a]"}).model().path(), "[a]");
  EXPECT_EQ(With({"model.path=x", "model.path="}).model().path(), "");
  EXPECT_EQ(With({"task.operators=+-"}).task(0).operators(), "+-");
}

TEST(ConfigOverrideTest, BracketsReplaceAListAndAnItemIsAdded) {
  EXPECT_THAT(With({"rollout.stop=[\"x\", 'y']"}).rollout().stop(),
              ElementsAre("x", "y"));
  EXPECT_THAT(With({"rollout.stop=b"}).rollout().stop(), ElementsAre("a", "b"));
  EXPECT_THAT(With({"rollout.stop=[]"}).rollout().stop(), IsEmpty());
}

TEST(ConfigOverrideTest, RulesAreAddedOrReplaced) {
  const Recipe added = With({"reward.rule={name:\"overlong\" weight:0.5}"});
  ASSERT_EQ(added.reward().rule_size(), 2);
  EXPECT_EQ(added.reward().rule(0).name(), "format");
  EXPECT_EQ(added.reward().rule(1).name(), "overlong");
  EXPECT_EQ(added.reward().rule(1).weight(), 0.5f);
  const Recipe replaced = With({"reward.rule=[{name:'x'}, {name:'y'}]"});
  ASSERT_EQ(replaced.reward().rule_size(), 2);
  EXPECT_EQ(replaced.reward().rule(0).name(), "x");
  EXPECT_EQ(replaced.reward().rule(1).name(), "y");
}

TEST(ConfigOverrideTest, SectionsAreMerged) {
  const Recipe config = With({"rl={steps: 4 group_size: 6}"});
  EXPECT_EQ(config.stage(0).rl().steps(), 4);
  EXPECT_EQ(config.stage(0).rl().group_size(), 6);
  EXPECT_EQ(config.stage(0).rl().prompts(), 8);
}

TEST(ConfigOverrideTest, UnknownKeyNamesTheNearestAndTheOption) {
  EXPECT_EQ(ErrorWith({"rl.stepz=10"}),
            "--set rl.stepz=10: rl.stepz: unknown key; did you mean "
            "\"rl.steps\"?");
  EXPECT_EQ(ErrorWith({"temperature=1"}),
            "--set temperature=1: temperature: unknown key; did you mean "
            "\"rollout.temperature\" or \"eval.temperature\"?");
  EXPECT_THAT(ErrorWith({"rl.steps.x=1"}), HasSubstr("unknown key"));
  EXPECT_THAT(ErrorWith({"=1"}), HasSubstr("unknown key"));
  EXPECT_THAT(ErrorWith({"rl.=1"}), HasSubstr("unknown key"));
}

TEST(ConfigOverrideTest, PartOfAListIsExplained) {
  EXPECT_EQ(ErrorWith({"reward.rule.weight=2"}),
            "--set reward.rule.weight=2: reward.rule.weight: part of a list, "
            "which is set as a whole: expected --set 'reward.rule=[...]'");
  EXPECT_THAT(ErrorWith({"reward.rule[0].weight=2"}),
              HasSubstr("part of a list"));
}

TEST(ConfigOverrideTest, MissingValueOrEqualsSign) {
  EXPECT_EQ(ErrorWith({"rl.steps"}),
            "--set rl.steps: expected --set section.key=value, e.g. --set "
            "rl.steps=10");
  EXPECT_EQ(ErrorWith({"rl.steps="}),
            "--set rl.steps=: rl.steps: syntax: expected a value, got the "
            "end");
}

TEST(ConfigOverrideTest, WrongValuesAreReportedLikeInAFile) {
  EXPECT_EQ(ErrorWith({"rl.steps=-1"}),
            "--set rl.steps=-1: rl.steps: out of range: expected an integer "
            "from 0 to 1000000000, got -1");
  EXPECT_EQ(ErrorWith({"rl.steps=3 4"}),
            "--set rl.steps=3 4: rl.steps: syntax: expected nothing more, got "
            "\"4\"");
  EXPECT_THAT(ErrorWith({"reward.rule={nme:'x'}"}),
              HasSubstr("reward.rule[1].nme: unknown key; did you mean "
                        "\"reward.rule.name\"?"));
}

TEST(ConfigOverrideTest, StagesAndTasksAreNamed) {
  constexpr absl::string_view kTwo =
      "task { name: 'sums' kind: ARITHMETIC } task { name: 'cd' }\n"
      "rollout { temperature: 0.5 }\n"
      "stage { name: 'zero' rl { steps: 3 } }\n"
      "stage { name: 'dev' rl { steps: 3 } rollout { temperature: 0.7 } }\n";
  const auto with = [&](std::string override) {
    return ParseRecipe(kTwo, "two", {override});
  };
  const auto error = [&](std::string override) {
    return std::string(with(override).status().message());
  };
  EXPECT_EQ(with("dev.rl.steps=9")->stage(1).rl().steps(), 9);
  EXPECT_EQ(with("dev.rl.steps=9")->stage(0).rl().steps(), 3);
  EXPECT_EQ(
      with("zero.rollout.temperature=0.9")->stage(0).rollout().temperature(),
      0.9f);
  EXPECT_EQ(with("sums.digits=2")->task(0).digits(), 2);
  EXPECT_EQ(with("seed=9")->seed(), 9);
  EXPECT_EQ(error("rl.steps=9"),
            "--set rl.steps=9: rl.steps: there are several: expected one of "
            "zero.rl.steps, dev.rl.steps");
  EXPECT_THAT(error("task.digits=2"),
              HasSubstr("expected one of sums.digits, cd.digits"));
  EXPECT_EQ(error("rollout.temperature=0.9"),
            "--set rollout.temperature=0.9: rollout.temperature: would change "
            "nothing for dev, which says it for itself: expected --set "
            "dev.rollout.temperature=...");
  EXPECT_TRUE(with("rollout.max_new_tokens=9").ok());
  EXPECT_THAT(error("stage[0].rl.steps=9"), HasSubstr("the name of a stage"));
  EXPECT_THAT(error("none.rl.steps=9"), HasSubstr("unknown key"));
  EXPECT_THAT(error("dev.rl.stepz=9"), HasSubstr("did you mean \"rl.steps\"?"));
}

TEST(ConfigOverrideTest, MistakesOfFileAndOverridesComeTogether) {
  const auto config =
      ParseRecipe("seed: -1 task { }\nstage { rl { minibatches: 7 } }", "f",
                  {"rl.stepz=1", "eval.top_p=7"});
  const std::string message(config.status().message());
  EXPECT_THAT(message, testing::StartsWith("f:1: seed: out of range"));
  EXPECT_THAT(message, HasSubstr("\n--set rl.stepz=1: rl.stepz: unknown key"));
  EXPECT_THAT(message, HasSubstr("\n--set eval.top_p=7: eval.top_p: out of"));
  EXPECT_THAT(message, HasSubstr("\nf:2: rl.minibatches: "));
}

}  // namespace
}  // namespace r1
