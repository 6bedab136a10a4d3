// AttentionBackward against finite differences and the double oracle, and its
// bits across thread counts and batches.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "kernels/ops.h"
#include "tests/kernels/attention_test_util.h"
#include "tests/reference/attention.h"

namespace r1 {
namespace {

constexpr double kUnit = 0x1p-24;  // unit roundoff of float

const std::vector<int64_t> kLengths = {31, 1, 33, 100, 49, 65};

struct TestGradients {
  std::vector<float> dq, dk, dv;
};

// Forward and backward of the whole batch. The outputs start as NaN: they are
// assigned, not accumulated.
TestGradients RunBoth(Ops& ops, TestBatch& batch, std::vector<float>& dout) {
  TestCache cache(batch.shape, batch.pages());
  std::vector<SequenceRows> sequences;
  std::vector<std::vector<int32_t>> page_lists;
  TestOutput forward = RunPacked(ops, batch, cache, &sequences, &page_lists);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  TestGradients g;
  g.dq.assign(batch.q.size(), nan);
  g.dk.assign(batch.k.size(), nan);
  g.dv.assign(batch.v.size(), nan);
  const int64_t rows = batch.rows;
  ops.AttentionBackward(View(batch.q, rows), View(forward.out, rows),
                        View(forward.lse, rows), View(dout, rows), sequences,
                        cache.pages(), batch.shape.scale(), View(g.dq, rows),
                        View(g.dk, rows), View(g.dv, rows));
  return g;
}

// The largest sum over the rows of the probability of one key: how often
// rounding errors of a row enter the gradient of a key.
double LargestColumnSum(const TestBatch& batch, int64_t begin, int64_t length) {
  const auto shape = batch.reference_shape(length);
  const auto q = TestBatch::Slice(batch.q, batch.q_width(), begin, length);
  const auto k = TestBatch::Slice(batch.k, batch.kv_width(), begin, length);
  std::vector<double> sums(length * shape.kv_heads);
  for (int64_t t = 0; t < length; ++t) {
    for (int h = 0; h < shape.heads; ++h) {
      double lse;
      const auto p = reference::AttentionRow(shape, q, k, t, h, &lse);
      const int kv_head = h / (shape.heads / shape.kv_heads);
      for (int64_t j = 0; j <= t; ++j)
        sums[j * shape.kv_heads + kv_head] += p[j];
    }
  }
  return *std::max_element(sums.begin(), sums.end());
}

// First order in u = 2^-24 with all inputs in [-1, 1]. Relative error of p:
// score and lse with (D + 1) roundings of at most scale * D each, and exp;
// absolute error of dp and delta: (D + 1) roundings of at most D, and the
// error of `out`. |dp - delta| <= 2 D. A sum over n keys or rows adds n u.
double GradientTolerance(const HeadShape& shape, int64_t length,
                         double column_sum) {
  const double depth = shape.depth;
  const double score = (depth + 1) * kUnit * shape.scale() * depth;
  const double p = 2 * score + (length + 12) * kUnit;
  const double slope = 2 * (depth + 1) * kUnit * depth + depth * p;
  const double terms = length * shape.heads / shape.kv_heads;
  return 2 * shape.scale() * std::max(1.0, column_sum) *
         (2 * depth * (p + terms * kUnit) + slope);
}

void ExpectNear(const std::vector<float>& got, int64_t begin,
                const std::vector<double>& want, double tolerance,
                const char* what) {
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_NEAR(got[begin + i], want[i], tolerance) << what << " " << i;
  }
}

class BackwardShapes : public testing::TestWithParam<HeadShape> {};

INSTANTIATE_TEST_SUITE_P(
    All, BackwardShapes,
    testing::Values(HeadShape{1, 1, 16}, HeadShape{2, 2, 32},
                    HeadShape{4, 2, 64}, HeadShape{3, 1, 80},
                    HeadShape{4, 1, 32}, HeadShape{2, 1, 128},
                    HeadShape{5, 1, 6}, HeadShape{18, 1, 10}),
    [](const testing::TestParamInfo<HeadShape>& info) {
      return "H" + std::to_string(info.param.heads) + "K" +
             std::to_string(info.param.kv_heads) + "D" +
             std::to_string(info.param.depth);
    });

TEST_P(BackwardShapes, MatchesOracleOnEveryTarget) {
  TestBatch batch(GetParam(), kLengths, 11);
  std::vector<float> dout = RandomFloats(batch.q.size(), 14);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const TestGradients got = RunBoth(*MakeCpuOps(1), batch, dout);
    hwy::SetSupportedTargetsForTest(0);
    int64_t begin = 0;
    for (const int64_t length : batch.lengths) {
      SCOPED_TRACE(length);
      const auto slice = [&](const std::vector<float>& x, int64_t width) {
        return TestBatch::Slice(x, width, begin, length);
      };
      const auto want = reference::AttentionBackward(
          batch.reference_shape(length), slice(batch.q, batch.q_width()),
          slice(batch.k, batch.kv_width()), slice(batch.v, batch.kv_width()),
          slice(dout, batch.q_width()));
      const double tolerance = GradientTolerance(
          batch.shape, length, LargestColumnSum(batch, begin, length));
      ExpectNear(got.dq, begin * batch.q_width(), want.dq, tolerance, "dq");
      ExpectNear(got.dk, begin * batch.kv_width(), want.dk, tolerance, "dk");
      ExpectNear(got.dv, begin * batch.kv_width(), want.dv, tolerance, "dv");
      begin += length;
    }
  }
}

TEST_P(BackwardShapes, ThreadsDoNotChangeBits) {
  TestBatch batch(GetParam(), kLengths, 15);
  std::vector<float> dout = RandomFloats(batch.q.size(), 18);
  const TestGradients want = RunBoth(*MakeCpuOps(1), batch, dout);
  for (const int threads : {2, 3}) {
    const TestGradients got = RunBoth(*MakeCpuOps(threads), batch, dout);
    EXPECT_EQ(got.dq, want.dq) << threads;
    EXPECT_EQ(got.dk, want.dk) << threads;
    EXPECT_EQ(got.dv, want.dv) << threads;
  }
}

TEST_P(BackwardShapes, OtherSequencesDoNotChangeBits) {
  TestBatch batch(GetParam(), kLengths, 19);
  std::vector<float> dout = RandomFloats(batch.q.size(), 22);
  const auto ops = MakeCpuOps(2);
  const TestGradients all = RunBoth(*ops, batch, dout);
  int64_t begin = 0;
  for (const int64_t length : batch.lengths) {
    const auto slice = [&](const std::vector<float>& x, int64_t width) {
      return std::vector<float>(x.begin() + begin * width,
                                x.begin() + (begin + length) * width);
    };
    TestBatch alone(GetParam(), {length}, 0);
    alone.q = slice(batch.q, batch.q_width());
    alone.k = slice(batch.k, batch.kv_width());
    alone.v = slice(batch.v, batch.kv_width());
    std::vector<float> dout_alone = slice(dout, batch.q_width());
    const TestGradients got = RunBoth(*ops, alone, dout_alone);
    EXPECT_EQ(got.dq, slice(all.dq, batch.q_width())) << length;
    EXPECT_EQ(got.dk, slice(all.dk, batch.kv_width())) << length;
    EXPECT_EQ(got.dv, slice(all.dv, batch.kv_width())) << length;
    begin += length;
  }
}

// d sum(out * dout) / dx by central differences of the oracle's forward pass.
// Step 1e-4 in double: truncation and cancellation stay below 1e-7.
TEST(AttentionBackwardTest, MatchesFiniteDifferences) {
  const HeadShape shape = {4, 2, 6};
  const int64_t length = 37;
  TestBatch batch(shape, {length}, 23);
  std::vector<float> dout = RandomFloats(batch.q.size(), 26);
  const TestGradients got = RunBoth(*MakeCpuOps(2), batch, dout);
  std::vector<double> q(batch.q.begin(), batch.q.end());
  std::vector<double> k(batch.k.begin(), batch.k.end());
  std::vector<double> v(batch.v.begin(), batch.v.end());
  const auto loss = [&] {
    const auto r =
        reference::AttentionForward(batch.reference_shape(length), q, k, v);
    double sum = 0;
    for (size_t i = 0; i < r.out.size(); ++i) sum += r.out[i] * dout[i];
    return sum;
  };
  const double tolerance =
      1e-7 +
      GradientTolerance(shape, length, LargestColumnSum(batch, 0, length));
  const auto check = [&](std::vector<double>& x, const std::vector<float>& dx,
                         const char* what) {
    for (size_t i = 0; i < x.size(); ++i) {
      const double step = 1e-4;
      const double at = x[i];
      x[i] = at + step;
      const double above = loss();
      x[i] = at - step;
      const double below = loss();
      x[i] = at;
      ASSERT_NEAR(dx[i], (above - below) / (2 * step), tolerance)
          << what << " " << i;
    }
  };
  check(q, got.dq, "dq");
  check(k, got.dk, "dk");
  check(v, got.dv, "dv");
}

}  // namespace
}  // namespace r1
