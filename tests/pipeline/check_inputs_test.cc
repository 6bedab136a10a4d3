#include "pipeline/run/check_inputs.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/lora.h"
#include "proto/recipe.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a run says before it begins.
std::vector<std::string> WarningsOf(const std::string& recipe) {
  std::vector<std::string> warnings;
  SetLogSink([&](const std::string& line) { warnings.push_back(line); });
  const auto parsed = ParseRecipe(recipe, "f", {});
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  const TestFolder folder;
  const absl::Status status =
      CheckInputs(ResolveStages(*parsed), folder.path(), Topology());
  EXPECT_TRUE(status.ok()) << status;
  SetLogSink(nullptr);
  return warnings;
}

TEST(CheckInputsTest, WhatBeginsAfterTheLastStepIsNamed) {
  const auto recipe = [](int steps) {
    return absl::StrCat(
        "rollout { longer { from_step: 9 max_new_tokens: 400 } }\n"
        "model { max_positions: 512 }\n"
        "task { kind: COUNTDOWN }\n"
        "stage { name: 'base' supervised { steps: 1 } }\n"
        "reward { rule { name: 'countdown' }\n"
        "         rule { name: 'format' weight: 0.5 from_step: 10 } }\n"
        "stage { name: 'zero' rl { steps: ",
        steps, " } }");
  };
  EXPECT_THAT(WarningsOf(recipe(10)), IsEmpty());
  EXPECT_THAT(
      WarningsOf(recipe(8)),
      ElementsAre(HasSubstr("stage zero: rollout.longer holds from step 9 on, "
                            "but rl.steps is 8: it never does"),
                  HasSubstr("stage zero: the rule \"format\" counts from step "
                            "10 on, but rl.steps is 8: it never does")));
  EXPECT_THAT(WarningsOf(recipe(0)), IsEmpty()) << "nothing is drawn";
}

TEST(CheckInputsTest, RecipesAndModelsNameTheSameTargets) {
  EXPECT_THAT(LoraTargetNames(), testing::ElementsAreArray(LoraTargets()));
}

// Before the stage that it starts from is computed.
TEST(CheckInputsTest, AnAdapterAsLargeAsItsMatrixIsRefused) {
  const auto check = [](int rank) {
    const auto parsed = ParseRecipe(
        absl::StrCat("model { hidden_size: 64 num_heads: 4 num_kv_heads: 2 }\n"
                     "task { kind: COUNTDOWN }\n"
                     "stage { name: 'base' supervised { steps: 1 } }\n"
                     "stage { name: 'sft' supervised { steps: 1 }\n"
                     "        lora { rank: ",
                     rank, " } }"),
        "f", {});
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    const TestFolder folder;
    return CheckInputs(ResolveStages(*parsed), folder.path(), Topology());
  };
  EXPECT_TRUE(check(32).ok()) << check(32);
  EXPECT_EQ(check(33).message(),
            "stage sft: lora.rank: 33 exceeds the smaller side of "
            "model.layers.0.self_attn.k_proj.weight [32, 64]: expected at most "
            "32, or lora.targets without that module");
}

}  // namespace
}  // namespace r1
