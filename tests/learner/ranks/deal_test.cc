#include "learner/ranks/deal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/philox.h"
#include "tests/learner/fakes.h"

namespace r1 {
namespace {

using testing::ElementsAre;

TEST(DealToShards, TheMostCostlyGoesToTheLightest) {
  // 9 to shard 0, 7 to 1, 5 to 1 (12), 4 to 0 (13), 3 to 1 (15).
  EXPECT_THAT(DealToShards({3, 9, 7, 4, 5}, 2),
              ElementsAre(ElementsAre(1, 3), ElementsAre(0, 2, 4)));
}

TEST(DealToShards, TiesGoByOrderThenShard) {
  EXPECT_THAT(DealToShards({5, 5, 5, 5, 5}, 4),
              ElementsAre(ElementsAre(0, 4), ElementsAre(1), ElementsAre(2),
                          ElementsAre(3)));
}

TEST(DealToShards, FewItemsLeaveShardsEmpty) {
  EXPECT_THAT(DealToShards({1, 2}, 4),
              ElementsAre(ElementsAre(1), ElementsAre(0), ElementsAre(),
                          ElementsAre()));
  EXPECT_EQ(DealToShards({}, 2).size(), 2);
}

// 512 samples with lognormal lengths, mean about 9,500, at most 32,768: what
// a step of the paper has. The slowest shard is hardly slower than the mean.
TEST(DealToShards, LoadsAreEven) {
  RandomSequence random(1, RandomStream::kData, 0, 0);
  const SequenceCost cost(TinyModel());
  std::vector<int64_t> costs;
  for (int i = 0; i < 512; ++i) {
    const double length = 7000 * std::exp(0.8 * random.NextNormal());
    costs.push_back(
        cost.Of(static_cast<int64_t>(std::min(length, 32768.0)) + 1));
  }
  for (const int shards : {2, 16}) {
    int64_t most = 0;
    std::vector<int> seen;
    for (const std::vector<int>& shard : DealToShards(costs, shards)) {
      EXPECT_TRUE(std::is_sorted(shard.begin(), shard.end()));
      int64_t load = 0;
      for (int i : shard) load += costs[i];
      most = std::max(most, load);
      seen.insert(seen.end(), shard.begin(), shard.end());
    }
    const double mean =
        std::accumulate(costs.begin(), costs.end(), 0.0) / shards;
    EXPECT_LE(most / mean, 1.02) << shards;
    std::sort(seen.begin(), seen.end());
    std::vector<int> all(512);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
  }
}

TEST(SequenceCost, CountsMultiplications) {
  // Per token 2 (32 (2 32 + 2 16) + 3 32 48) + 257 32 of matrices, per pair of
  // tokens 2 32: 23,584 / 64 = 368 and a half.
  const SequenceCost cost(TinyModel());
  EXPECT_EQ(cost.Of(1), 1 * (1 + 368));
  EXPECT_EQ(cost.Of(10), 10 * (10 + 368));
  // A prompt of 4 tokens once, and 2 and 6 tokens behind it.
  const TrainSequence a = {{1, 2, 3, 4, 5, 6}, 4};
  const TrainSequence b = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 4};
  EXPECT_EQ(cost.OfGroup({&a, &b}), cost.Of(6) + cost.Of(10) - cost.Of(4));
  EXPECT_EQ(cost.OfGroup({&a}), cost.Of(6));
}

TEST(DealGroups, SamplesOfOnePromptStayTogether) {
  const auto sample = [](int32_t prompt, int length) {
    TrainSequence s = {{prompt}, 1};
    for (int i = 0; i < length; ++i) s.tokens.push_back(i);
    return s;
  };
  const std::vector<TrainSequence> all = {sample(7, 3),  sample(7, 5),
                                          sample(8, 30), sample(9, 1),
                                          sample(9, 2),  sample(9, 3)};
  std::vector<const TrainSequence*> pointers;
  for (const TrainSequence& s : all) pointers.push_back(&s);
  EXPECT_THAT(DealGroups(pointers, SequenceCost(TinyModel()), 2),
              ElementsAre(ElementsAre(2), ElementsAre(0, 1, 3, 4, 5)));
  EXPECT_THAT(DealGroups(pointers, SequenceCost(TinyModel()), 1),
              ElementsAre(ElementsAre(0, 1, 2, 3, 4, 5)));
}

}  // namespace
}  // namespace r1
