#include "base/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace r1 {
namespace {

// Known-answer vectors of the Random123 distribution (kat_vectors,
// philox4x32 with 10 rounds).
TEST(Philox, MatchesPublishedVectors) {
  using Block = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox4x32(0, {0, 0, 0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32(0xffffffffffffffff,
                       {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32(0x299f31d0a4093822,
                       {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomBits, EveryIndexChangesTheDraw) {
  const auto base = RandomBits(1, RandomStream::kSampling, 2, 3, 4);
  EXPECT_NE(base, RandomBits(2, RandomStream::kSampling, 2, 3, 4));
  EXPECT_NE(base, RandomBits(1, RandomStream::kInit, 2, 3, 4));
  EXPECT_NE(base, RandomBits(1, RandomStream::kSampling, 3, 3, 4));
  EXPECT_NE(base,
            RandomBits(1, RandomStream::kSampling, 2 + (1ull << 32), 3, 4));
  EXPECT_NE(base, RandomBits(1, RandomStream::kSampling, 2, 4, 4));
  EXPECT_NE(base, RandomBits(1, RandomStream::kSampling, 2, 3, 5));
}

TEST(RandomSequence, NextBelowIsUniform) {
  // Chi-square with 6 degrees of freedom; 22.5 is the 99.9 % point.
  RandomSequence random(7, RandomStream::kData, 0, 0);
  constexpr int kDraws = 70000;
  std::vector<int> counts(7);
  for (int i = 0; i < kDraws; ++i) ++counts[random.NextBelow(7)];
  double chi2 = 0;
  for (int count : counts) {
    chi2 += (count - kDraws / 7.0) * (count - kDraws / 7.0) / (kDraws / 7.0);
  }
  EXPECT_LT(chi2, 22.5);
}

TEST(RandomSequence, NextNormalHasUnitVariance) {
  RandomSequence random(7, RandomStream::kInit, 1, 0);
  constexpr int kDraws = 100000;
  double sum = 0, sum_squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.NextNormal();
    sum += x;
    sum_squares += x * x;
  }
  // Four standard errors: 4 / sqrt(n) and 4 * sqrt(2 / n).
  EXPECT_NEAR(sum / kDraws, 0, 4 / std::sqrt(kDraws));
  EXPECT_NEAR(sum_squares / kDraws, 1, 4 * std::sqrt(2.0 / kDraws));
}

}  // namespace
}  // namespace r1
