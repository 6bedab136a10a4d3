#include "learner/advantage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace r1 {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;

// The 1e-6 in the denominator moves a result by at most 2e-6 of itself here.
constexpr double kTolerance = 4e-6;

TEST(Advantage, GrpoTableByHand) {
  // mean 0.5, squares 4 x 0.25, sample std sqrt(1 / 3).
  const std::vector<RewardGroup> groups = {{1, 0, 0, 1}, {2, 0, 1}};
  const auto a = ComputeAdvantages(GRPO, groups);
  const double x = 0.5 / std::sqrt(1.0 / 3);
  EXPECT_THAT(
      a[0], ElementsAre(DoubleNear(x, kTolerance), DoubleNear(-x, kTolerance),
                        DoubleNear(-x, kTolerance), DoubleNear(x, kTolerance)));
  EXPECT_THAT(a[1],
              ElementsAre(DoubleNear(1, kTolerance), DoubleNear(-1, kTolerance),
                          DoubleNear(0, kTolerance)));
}

TEST(Advantage, DrGrpoTableByHand) {
  const std::vector<RewardGroup> groups = {{1, 0, 0, 0}, {3, 1}};
  const auto a = ComputeAdvantages(DR_GRPO, groups);
  EXPECT_THAT(a[0], ElementsAre(0.75, -0.25, -0.25, -0.25));
  EXPECT_THAT(a[1], ElementsAre(1, -1));
}

TEST(Advantage, RlooIsTheRewardLessTheMeanOfTheOthers) {
  const std::vector<RewardGroup> groups = {{4, 1, 1, 0}};
  const auto a = ComputeAdvantages(RLOO, groups);
  const double third = 1.0 / 3;
  EXPECT_THAT(a[0], ElementsAre(DoubleNear(4 - 2 * third, 1e-12),
                                DoubleNear(1 - 5 * third, 1e-12),
                                DoubleNear(1 - 5 * third, 1e-12),
                                DoubleNear(0 - 6 * third, 1e-12)));
}

TEST(Advantage, ReinforcePlusPlusIsWhitenedOverTheBatch) {
  const std::vector<RewardGroup> groups = {{2, 0}, {4, 0}, {1, 1}};
  const auto a = ComputeAdvantages(REINFORCE_PP, groups);
  // Less the group means: 1 -1 2 -2 0 0; sum of squares 10 over n - 1 = 5.
  const double std = std::sqrt(10.0 / 5);
  EXPECT_THAT(a[0], ElementsAre(DoubleNear(1 / std, kTolerance),
                                DoubleNear(-1 / std, kTolerance)));
  EXPECT_THAT(a[1], ElementsAre(DoubleNear(2 / std, kTolerance),
                                DoubleNear(-2 / std, kTolerance)));
  EXPECT_THAT(a[2], ElementsAre(0, 0));
}

// A lone score has no group to be compared with, so it is no part of the batch
// that the scale is taken from; a group of equal scores is.
TEST(Advantage, ReinforcePlusPlusCountsGroupsOfTwoOrMoreScores) {
  const auto without = ComputeAdvantages(REINFORCE_PP, {{2, 0}, {4, 0}});
  const auto lone =
      ComputeAdvantages(REINFORCE_PP, {{2, 0}, {9, std::nullopt}, {4, 0}});
  EXPECT_EQ(lone[0], without[0]);
  EXPECT_EQ(lone[2], without[1]);
  const auto equal = ComputeAdvantages(REINFORCE_PP, {{2, 0}, {9, 9}, {4, 0}});
  EXPECT_GT(equal[0][0], without[0][0]);
}

class EveryEstimator : public testing::TestWithParam<AdvantageEstimator> {};

TEST_P(EveryEstimator, EqualRewardsGiveExactlyZero) {
  // 0.1 is not a binary fraction: the mean of seven of them is not 0.1.
  const std::vector<RewardGroup> groups = {RewardGroup(7, 0.1), {0, 1}};
  const auto a = ComputeAdvantages(GetParam(), groups);
  EXPECT_THAT(a[0], Each(0.0));
  EXPECT_GT(a[1][1], 0);
}

TEST_P(EveryEstimator, AdvantagesOfAGroupSumToZero) {
  const std::vector<RewardGroup> groups = {
      {0.3, 1.7, 0.3, 2.9, -1.1}, {1, 2, 4}, {5, 5, 5}};
  // Five terms of size < 3: rounding is below 5 x 3 x 2^-52.
  for (const auto& a : ComputeAdvantages(GetParam(), groups)) {
    EXPECT_NEAR(std::accumulate(a.begin(), a.end(), 0.0), 0, 1e-14);
  }
}

TEST_P(EveryEstimator, SamplesWithoutAScoreDoNotExist) {
  const std::vector<RewardGroup> groups = {
      {1, std::nullopt, 0, std::nullopt, 5}, {0, 3}};
  const std::vector<RewardGroup> without = {{1, 0, 5}, {0, 3}};
  const auto a = ComputeAdvantages(GetParam(), groups);
  const auto b = ComputeAdvantages(GetParam(), without);
  EXPECT_THAT(a[0], ElementsAre(b[0][0], 0.0, b[0][1], 0.0, b[0][2]));
  EXPECT_EQ(a[1], b[1]);
}

TEST_P(EveryEstimator, FewerThanTwoScoresGiveZeros) {
  const std::vector<RewardGroup> groups = {
      {std::nullopt, 7, std::nullopt}, {std::nullopt, std::nullopt}, {}};
  const auto a = ComputeAdvantages(GetParam(), groups);
  EXPECT_THAT(a[0], ElementsAre(0, 0, 0));
  EXPECT_THAT(a[1], ElementsAre(0, 0));
  EXPECT_TRUE(a[2].empty());
}

INSTANTIATE_TEST_SUITE_P(All, EveryEstimator,
                         testing::Values(GRPO, DR_GRPO, RLOO, REINFORCE_PP));

// Dynamic sampling leaves the other groups out of the batch: the std of what is
// trained on is 1, however many were rejected.
TEST(Advantage, WhiteningRunsOverTheGroupsThatTrain) {
  for (const std::vector<RewardGroup>& groups :
       {std::vector<RewardGroup>{{1, 1}, {0, 0}, {1, 0}},
        std::vector<RewardGroup>{{1, 0}, {1, 1}, {3, std::nullopt}, {2, 2}},
        std::vector<RewardGroup>{{1, 0}}}) {
    const auto a = ComputeAdvantages(REINFORCE_PP, groups,
                                     /*only_informative=*/true);
    for (size_t g = 0; g < groups.size(); ++g) {
      const double expected = IsInformative(groups[g]) ? std::sqrt(0.5) : 0;
      // 1e-6 is added to a std of sqrt(0.5).
      EXPECT_THAT(a[g], ElementsAre(DoubleNear(expected, 2e-6),
                                    DoubleNear(-expected, 2e-6)));
    }
  }
}

TEST(Advantage, InformativeMeansTwoScoresThatDiffer) {
  EXPECT_TRUE(IsInformative({0, 1}));
  EXPECT_TRUE(IsInformative({std::nullopt, 0, 0, 1}));
  EXPECT_FALSE(IsInformative({1, 1, 1}));
  EXPECT_FALSE(IsInformative({std::nullopt, 1}));
  EXPECT_FALSE(IsInformative({}));
}

}  // namespace
}  // namespace r1
