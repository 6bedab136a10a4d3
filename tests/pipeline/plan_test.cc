#include "pipeline/run/plan.h"

#include <string>
#include <utility>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/recipe.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace r1
