#include "pipeline/run/plan.h"

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/recipe.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What only it knows is how long stages took.
TEST(PlanTest, ADamagedDatabaseHidesNoStage) {
  TestFolder folder;
  const auto recipe = ParseRecipe(
      "task { } stage { name: 'base' supervised { steps: 4 } } "
      "stage { name: 'zero' rl { steps: 2 } }",
      "f", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  folder.Write("run.db", std::string(8192, 'x'));
  ::testing::internal::CaptureStderr();
  const auto plan = DescribePlan(*recipe, folder.path(), Topology());
  const std::string log = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(
      *plan, AllOf(HasSubstr("base "), HasSubstr("zero "), HasSubstr("to do")));
  EXPECT_THAT(log, AllOf(HasSubstr("what the stages took is not known"),
                         HasSubstr("run.db")));
}

TEST(PlanTest, SaysWhatMemoryStagesNeed) {
  TestFolder folder;
  const auto recipe = ParseRecipe(
      "task { } stage { name: 'base' supervised { steps: 4 } } "
      "stage { name: 'zero' rl { steps: 2 } }",
      "f", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const auto plan = DescribePlan(*recipe, folder.path(), Topology());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(*plan, HasSubstr("memory of zero, the most:"));
  for (const char* role : {"weights", "master and moments", "gradients",
                           "activations", "sampling", "in all"}) {
    EXPECT_THAT(*plan, HasSubstr(role));
  }
}

// Every variant of a stage, by what each adds.
TEST(PlanTest, AdaptersWorkersAndDtypeAreInTheMemory) {
  const auto plan_of = [](const std::vector<std::string>& overrides,
                          const Topology& topology) {
    TestFolder folder;
    const auto recipe = ParseRecipe(
        "task { } stage { name: 'base' supervised { steps: 4 } } "
        "stage { name: 'zero' rl { steps: 2 } }",
        "f", overrides);
    EXPECT_TRUE(recipe.ok()) << recipe.status();
    return DescribePlan(*recipe, folder.path(), topology).value_or("none");
  };
  EXPECT_THAT(plan_of({"zero.lora.rank=4"}, Topology()),
              AllOf(HasSubstr("base of the adapters"),
                    HasSubstr("of the adapters"), HasSubstr("fp32")));
  Topology two;
  two.workers = 2;
  EXPECT_THAT(plan_of({}, two), HasSubstr("2 with weights and"));
  Topology elsewhere;
  elsewhere.workers = Topology::kNoWorkers;
  EXPECT_THAT(plan_of({}, elsewhere), Not(HasSubstr("sampling  ")));
  Topology ranks;
  ranks.ranks = 4;
  EXPECT_THAT(plan_of({"learner.gradient_shards=4"}, ranks),
              AllOf(HasSubstr("other ranks"), HasSubstr("3 with the same")));
  EXPECT_THAT(plan_of({"learner.gradient_shards=4"}, Topology()),
              Not(HasSubstr("other ranks")));
  EXPECT_THAT(plan_of({"dtype=BF16"}, Topology()), HasSubstr("bf16"));
  EXPECT_THAT(plan_of({"keep=LAYER_INPUTS"}, Topology()),
              HasSubstr("keep: LAYER_INPUTS"));
}

// The plan of a run for another machine, and of one that cannot be.
TEST(PlanTest, WhatCannotRunIsSaid) {
  TestFolder folder;
  const auto recipe = ParseRecipe(
      "device: 'cuda:0' task { } stage { name: 'base' supervised { steps: 4 } "
      "}",
      "f", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const auto plan = DescribePlan(*recipe, folder.path(), Topology());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(*plan, AllOf(HasSubstr("base "), HasSubstr("cannot run here: "),
                           HasSubstr("\"cuda:0\"")));
  Topology three;
  three.ranks = 3;
  EXPECT_THAT(
      std::string(
          DescribePlan(*recipe, folder.path(), three).status().message()),
      AllOf(HasSubstr("--ranks 3"), HasSubstr("stage base"),
            HasSubstr("learner.gradient_shards")));
}

}  // namespace
}  // namespace r1
