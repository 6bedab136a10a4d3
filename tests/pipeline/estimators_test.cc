#include "pipeline/evaluation/estimators.h"

#include <vector>

#include "gtest/gtest.h"

namespace r1 {
namespace {

// 1 - C(n - c, k) / C(n, k) with small binomials, exact in double.
double ByBinomials(int n, int c, int k) {
  const auto choose = [](int a, int b) {
    if (b > a) return 0.0;
    double result = 1;
    for (int i = 0; i < b; ++i) result = result * (a - i) / (i + 1);
    return result;
  };
  return 1 - choose(n - c, k) / choose(n, k);
}

TEST(PassAtKTest, HandComputedValues) {
  EXPECT_DOUBLE_EQ(PassAtK(4, 1, 1), 0.25);
  EXPECT_DOUBLE_EQ(PassAtK(4, 1, 2), 0.5);  // 1 - C(3,2)/C(4,2) = 1 - 3/6
  EXPECT_DOUBLE_EQ(PassAtK(5, 2, 3), 0.9);  // 1 - C(3,3)/C(5,3) = 1 - 1/10
  EXPECT_DOUBLE_EQ(PassAtK(3, 0, 3), 0);
  EXPECT_DOUBLE_EQ(PassAtK(3, 3, 1), 1);
  EXPECT_DOUBLE_EQ(PassAtK(16, 1, 16), 1);
}

TEST(PassAtKTest, EqualsTheBinomialFormForAllSmallCases) {
  for (int n = 1; n <= 20; ++n) {
    for (int c = 0; c <= n; ++c) {
      for (int k = 1; k <= n; ++k) {
        // A product of at most 20 rounded factors: 20 x 1.1e-16.
        EXPECT_NEAR(PassAtK(n, c, k), ByBinomials(n, c, k), 1e-14)
            << n << " " << c << " " << k;
      }
    }
  }
}

TEST(PassAtKTest, LargeCountsDoNotOverflow) {
  // C(4096, 2048) is far beyond double; half of the samples are right, so
  // that k = 2048 all wrong ones is the single worst draw.
  EXPECT_DOUBLE_EQ(PassAtK(4096, 2048, 2048), 1);
  EXPECT_DOUBLE_EQ(PassAtK(4096, 1, 2048), 0.5);
}

Vote Says(const char* answer, bool is_correct) { return {answer, is_correct}; }
const Vote kSilent = {std::nullopt, false};

TEST(ConsensusTest, TheMostFrequentAnswerDecides) {
  EXPECT_TRUE(IsConsensusCorrect(
      std::vector<Vote>{Says("5", false), Says("7", true), Says("7", true)}));
  EXPECT_FALSE(IsConsensusCorrect(
      std::vector<Vote>{Says("5", false), Says("5", false), Says("7", true)}));
}

TEST(ConsensusTest, AmongEquallyFrequentAnswersTheFirstGivenWins) {
  EXPECT_TRUE(
      IsConsensusCorrect(std::vector<Vote>{Says("7", true), Says("5", false)}));
  EXPECT_FALSE(
      IsConsensusCorrect(std::vector<Vote>{Says("5", false), Says("7", true)}));
}

TEST(ConsensusTest, SamplesWithoutAnAnswerDoNotVote) {
  EXPECT_TRUE(IsConsensusCorrect(
      std::vector<Vote>{kSilent, kSilent, kSilent, Says("7", true)}));
  EXPECT_FALSE(IsConsensusCorrect(std::vector<Vote>{kSilent, kSilent}));
  EXPECT_FALSE(IsConsensusCorrect({}));
}

}  // namespace
}  // namespace r1
