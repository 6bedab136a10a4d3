#include "pipeline/run/expected_time.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using Unit = StageWork::Unit;

constexpr auto kToDo = std::nullopt;

TEST(WorkOfStageTest, UnitsTimesParameters) {
  StageConfig stage;
  stage.set_name("s");
  const StageParameters five = {{"s", 5}};
  stage.mutable_supervised()->set_steps(10);
  stage.mutable_supervised()->set_batch_tokens(100);
  EXPECT_EQ(WorkOfStage(stage, five).unit, Unit::kToken);
  EXPECT_EQ(WorkOfStage(stage, five).amount, 10 * 100 * 5);
  stage.clear_supervised();
  stage.mutable_rl()->set_steps(3);
  stage.mutable_rl()->set_prompts(4);
  stage.mutable_rl()->set_group_size(2);
  EXPECT_EQ(WorkOfStage(stage, five).unit, Unit::kAnswerLearned);
  EXPECT_EQ(WorkOfStage(stage, five).amount, 3 * 4 * 2 * 5);
  stage.clear_rl();
  stage.mutable_sample()->set_prompts(6);
  stage.mutable_sample()->set_per_prompt(7);
  EXPECT_EQ(WorkOfStage(stage, five).unit, Unit::kAnswer);
  EXPECT_EQ(WorkOfStage(stage, five).amount, 6 * 7 * 5);
  stage.clear_sample();
  stage.mutable_compare()->add_stage("s");
  stage.mutable_compare()->add_stage("t");
  stage.add_task();
  stage.add_task();
  stage.mutable_eval()->set_problems(10);
  stage.mutable_eval()->set_samples(2);
  const StageWork compare = WorkOfStage(stage, {{"s", 5}, {"t", 3}});
  EXPECT_EQ(compare.unit, Unit::kAnswer);
  EXPECT_EQ(compare.amount, 2 * 10 * 2 * (5 + 3));
  stage.clear_compare();
  stage.mutable_reward_model()->set_steps(2);
  stage.mutable_reward_model()->set_batch_size(8);
  EXPECT_EQ(WorkOfStage(stage, five).unit, Unit::kPair);
  EXPECT_EQ(WorkOfStage(stage, five).amount, 2 * 8 * 5);
}

TEST(ExpectedTimesTest, TheRateOfWhatIsDone) {
  // 6000 tokens in 90 s: 15 ms each. Of the pairs nothing is known.
  EXPECT_THAT(ExpectedTimes({{{Unit::kToken, 5000}, absl::Seconds(50)},
                             {{Unit::kToken, 2000}, kToDo},
                             {{Unit::kToken, 1000}, absl::Seconds(40)},
                             {{Unit::kPair, 10}, kToDo}}),
              ElementsAre(absl::Seconds(50), absl::Seconds(30),
                          absl::Seconds(40), Eq(std::nullopt)));
}

TEST(ExpectedTimesTest, AnswersStandInForEachOther) {
  // Learned from at 0.5 s each; that holds for others until one is known.
  EXPECT_THAT(ExpectedTimes({{{Unit::kAnswerLearned, 120}, absl::Seconds(60)},
                             {{Unit::kAnswer, 210}, kToDo}}),
              ElementsAre(absl::Seconds(60), absl::Seconds(105)));
  EXPECT_THAT(
      ExpectedTimes({{{Unit::kAnswerLearned, 120}, absl::Seconds(60)},
                     {{Unit::kAnswer, 100}, absl::Seconds(10)},
                     {{Unit::kAnswer, 210}, kToDo}}),
      ElementsAre(absl::Seconds(60), absl::Seconds(10), absl::Seconds(21)));
  EXPECT_THAT(ExpectedTimes({{{Unit::kAnswer, 100}, absl::Seconds(10)},
                             {{Unit::kAnswerLearned, 30}, kToDo}}),
              ElementsAre(absl::Seconds(10), absl::Seconds(3)));
}

// A stage of no steps that is done tells no rate.
TEST(ExpectedTimesTest, NoWorkTellsNothing) {
  EXPECT_THAT(ExpectedTimes({{{Unit::kToken, 0}, absl::Seconds(1)},
                             {{Unit::kToken, 100}, kToDo}}),
              ElementsAre(absl::Seconds(1), Eq(std::nullopt)));
}

}  // namespace
}  // namespace r1
