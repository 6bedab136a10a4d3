// Attention forward against double, and its bits across decoding, chunks,
// batches and orders of threads.
#include "kernels/cuda/attention.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/order.h"
#include "tests/kernels/cuda/attention_device.h"

namespace r1::cuda {
namespace {

// Rows [begin, begin + count) as doubles.
template <class T>
std::vector<double> Slice(const HostedMatrix<T>& x, int64_t begin,
                          int64_t count) {
  return CopyOf(x, begin, count).Doubles();
}

ForwardResult RunPacked(const PackedBatch& b) {
  return RunForward(b.shape, b.q, b.cache, b.sequences);
}

// Rows [begin, begin + count) of one sequence, whose earlier keys are there.
ForwardResult RunRows(const PackedBatch& b, int sequence, int64_t begin,
                      int64_t count) {
  const SequenceRows& s = b.sequences[sequence];
  return RunForward(b.shape, CopyOf(b.q, s.row_begin + begin, count), b.cache,
                    {{0, count, begin, s.pages}});
}

void ExpectRows(const PackedBatch& b, const ForwardResult& all, int sequence,
                int64_t begin, const ForwardResult& rows,
                const std::string& what) {
  const int64_t row = b.sequences[sequence].row_begin + begin;
  ExpectSameRows(all.out, row, rows.out, what + ", out");
  ExpectSameRows(all.lse, row, rows.lse, what + ", lse");
}

class AttentionTest : public testing::TestWithParam<Heads> {};

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionTest,
                         testing::ValuesIn(ShapesToTest<Heads>({{7, 1, 128},
                                                                {2, 1, 32},
                                                                {2, 2, 16},
                                                                {14, 2, 64},
                                                                {8, 1, 64},
                                                                {3, 1, 80},
                                                                {2, 2, 128},
                                                                {18, 1, 16}})),
                         [](const testing::TestParamInfo<Heads>& info) {
                           return info.param.Name();
                         });

TEST_P(AttentionTest, MatchesOracle) {
  const Heads shape = GetParam();
  const PackedBatch b(shape, {31, 1, 33, 65, 100}, 1);
  const ForwardResult got = RunPacked(b);
  EXPECT_TRUE(got.lse.GapsAreIntact());
  int64_t begin = 0;
  for (const int64_t n : b.lengths) {
    const auto q = Slice(b.q, begin, n), k = Slice(b.k, begin, n),
               v = Slice(b.v, begin, n);
    const auto want = AttentionForward(shape.Reference(n), q, k, v);
    // sum_j p[j] |v[j]|: what roundings of p and of sums over v scale with.
    const auto weight =
        AttentionForward(shape.Reference(n), q, k, Absolute(v)).out;
    const double p = ProbabilityError(shape, LargestScore(shape, q, k, n), n);
    std::vector<double> out_bound, lse_bound;
    for (size_t i = 0; i < weight.size(); ++i) {
      const double inner = (kBf16Round + p + n * kFloatRound) * weight[i];
      out_bound.push_back(inner + kBf16Round * (std::abs(want.out[i]) + inner));
    }
    for (const double lse : want.lse) {
      lse_bound.push_back(p + 4 * kFloatRound * std::abs(lse));
    }
    const std::string what = "length " + std::to_string(n);
    ExpectWithin(Slice(got.out, begin, n), want.out, out_bound, what);
    ExpectWithin(Slice(got.lse, begin, n), want.lse, lse_bound, what);
    begin += n;
  }
}

TEST_P(AttentionTest, ChunksAndDecodingHaveTheBitsOfThePackedPass) {
  const PackedBatch b(GetParam(), {33, 100}, 4);
  const ForwardResult all = RunPacked(b);
  for (const int64_t begin : {0, 1, 31, 32, 63, 64, 99}) {
    ExpectRows(b, all, 1, begin, RunRows(b, 1, begin, 1), "decode");
  }
  for (int64_t begin = 0; begin < 100; begin += 37) {
    const int64_t count = std::min<int64_t>(37, 100 - begin);
    ExpectRows(b, all, 1, begin, RunRows(b, 1, begin, count), "chunk");
  }
  ExpectRows(b, all, 1, 0, RunRows(b, 1, 0, 100), "alone");
}

TEST_P(AttentionTest, NeitherThreadsNorASecondLaunchChangeBits) {
  const PackedBatch b(GetParam(), {35, 2}, 7);
  const ForwardResult want = RunPacked(b);
  ForEachThreadOrder([&](uint64_t order) {
    const std::string what = "order " + std::to_string(order);
    ExpectRows(b, want, 0, 0, RunPacked(b), what);
    ExpectRows(b, want, 0, 20, RunRows(b, 0, 20, 1), what);
  });
}

// Past kSplitKeys a row folds several splits.
TEST(AttentionSplitTest, LongSequencesHaveOneOrder) {
  for (const Heads shape : {Heads{2, 1, 64}, Heads{1, 1, 128}}) {
    if (kIsSanitized && shape.depth == 128) continue;
    SCOPED_TRACE(shape.Name());
    const int64_t length = 1030;
    const PackedBatch b(shape, {length}, 10);
    const ForwardResult all = RunPacked(b);
    for (const int64_t t : {0, 447, 511, 512, 513, 640, 1023, 1024, 1029}) {
      ExpectRows(b, all, 0, t, RunRows(b, 0, t, 1), "decode");
    }
    ExpectRows(b, all, 0, 505, RunRows(b, 0, 505, 8), "few rows, split");
    ExpectRows(b, all, 0, 500, RunRows(b, 0, 500, 150), "chunk");
    // Several sequences of one token in one pass, one of them long.
    std::vector<SequenceRows> decode;
    const std::vector<int64_t> positions = {1029, 3, 700};
    HostedMatrix<bf16> q(3, shape.q_width());
    for (int i = 0; i < 3; ++i) {
      decode.push_back({i, 1, positions[i], b.sequences[0].pages});
      std::copy_n(b.q.Row(positions[i]), shape.q_width(), q.Row(i));
    }
    const ForwardResult got = RunForward(shape, q, b.cache, decode);
    for (int i = 0; i < 3; ++i) {
      ExpectSameRows(all.out, positions[i], CopyOf(got.out, i, 1), "batch");
      ExpectSameRows(all.lse, positions[i], CopyOf(got.lse, i, 1), "batch");
    }
  }
}

TEST(AttentionSplitTest, RowsOfNoSequenceStayAsTheyAre) {
  const PackedBatch b({2, 1, 64}, {20, 5}, 13);
  const ForwardResult got =
      RunForward(b.shape, b.q, b.cache,
                 {b.sequences[0], {20, 0, 5, b.sequences[1].pages}});
  for (int64_t r = 0; r < b.rows; ++r) {
    EXPECT_EQ(std::isnan(ToDouble(got.out.at(r, 0))), r >= 20) << r;
  }
}

// A NaN in a key reaches the rows that see it, and no others.
TEST(AttentionSplitTest, ANanScoreGivesANanRow) {
  PackedBatch b({2, 1, 64}, {70}, 14);
  b.k.at(40, 3) = ToBf16Value(std::nanf(""));
  b.cache.Write(b.k, b.v, 0, 70, b.page_lists[0], 0);
  const ForwardResult got = RunPacked(b);
  const ForwardResult decoded = RunRows(b, 0, 69, 1);
  EXPECT_TRUE(std::isnan(ToDouble(decoded.out.at(0, 0))));
  for (int64_t r = 0; r < b.rows; ++r) {
    EXPECT_EQ(std::isnan(ToDouble(got.out.at(r, 0))), r >= 40) << r;
    EXPECT_EQ(std::isnan(got.lse.at(r, 1)), r >= 40) << r;
  }
}

}  // namespace
}  // namespace r1::cuda
