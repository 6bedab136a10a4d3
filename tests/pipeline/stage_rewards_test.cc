// What an answer earns, by the stage and its tasks.
#include "pipeline/folder/stage_rewards.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;

// The rules of the last stage of a recipe, "NAME" or "NAME=0" without weight.
std::vector<std::string> RulesOf(const std::string& recipe_text) {
  const auto recipe = ParseRecipe(recipe_text, "f", {});
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  if (!recipe.ok()) return {};
  const auto reward = StageReward(ResolveStages(*recipe).back());
  EXPECT_TRUE(reward.ok()) << reward.status();
  std::vector<std::string> rules;
  for (const WeightedRule& rule : reward->rule()) {
    rules.push_back(absl::StrCat(rule.name(), rule.weight() == 0 ? "=0" : ""));
  }
  return rules;
}

constexpr char kTwoTasks[] =
    "task { kind: COUNTDOWN } task { kind: SUMS } stage { supervised { } } "
    "stage { rl { } ";

TEST(StageRewardsTest, TheOnlyTasksRulesAreThoseThatAreGiven) {
  EXPECT_THAT(RulesOf("task { } reward { rule { name: 'format' } } stage { rl "
                      "{ } }"),
              ElementsAre("format"));
}

// A stage that uses one task of several pays for its answers as a stage that
// mixes them does.
TEST(StageRewardsTest, TasksOfARecipeWithSeveralBringTheirRulesEverywhere) {
  const std::string format = "reward { rule { name: 'format' } } ";
  EXPECT_THAT(RulesOf(absl::StrCat(format, kTwoTasks, "}")),
              ElementsAre("format", "countdown", "countdown_lenient=0",
                          "exact_answer", "exact_answer_lenient=0"));
  EXPECT_THAT(
      RulesOf(absl::StrCat(format, kTwoTasks, "use { task: 'countdown' } }")),
      ElementsAre("format", "countdown", "countdown_lenient=0"));
  EXPECT_THAT(RulesOf(absl::StrCat(kTwoTasks, "use { task: 'sums' } }")),
              ElementsAre("format", "format_lenient=0", "overlong=0",
                          "exact_answer", "exact_answer_lenient=0"));
}

}  // namespace
}  // namespace r1
