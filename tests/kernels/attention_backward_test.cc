// AttentionBackward against finite differences and the double oracle, and its
// bits across thread counts, batches and shared prefixes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
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

// Forward and backward of the whole batch. dq starts as NaN: it is assigned.
TestGradients RunBoth(Ops& ops, TestBatch& batch, std::vector<float>& dout) {
  TestCache cache(batch.shape, batch.pages());
  std::vector<SequenceRows> sequences;
  std::vector<std::vector<int32_t>> page_lists;
  TestOutput forward = RunPacked(ops, batch, cache, &sequences, &page_lists);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  TestGradients g;
  g.dq.assign(batch.q.size(), nan);
  g.dk.resize(batch.k.size());
  g.dv.resize(batch.v.size());
  const int64_t rows = batch.rows;
  ops.AttentionBackward(View(batch.q, rows), View(forward.out, rows),
                        View(forward.lse, rows), View(dout, rows),
                        *OnDevice(ops, sequences), cache.pages(),
                        batch.shape.scale(), View(g.dq, rows), View(g.dk, rows),
                        View(g.dv, rows));
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

// One sequence for many threads is cut into blocks of rows and of keys.
TEST_P(BackwardShapes, ThreadsShareOneSequence) {
  TestBatch batch(GetParam(), {301}, 16);
  std::vector<float> dout = RandomFloats(batch.q.size(), 19);
  const TestGradients want = RunBoth(*MakeCpuOps(1), batch, dout);
  for (const int threads : {2, 3, 16}) {
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

// Sequences that share a prefix: the rows of each one's own positions, then
// those of the prefix, the last of `batch.lengths`.
struct SharedRun {
  TestOutput forward;
  TestGradients gradients;
};

// With `is_open` the backward pass leaves the prefix's rows out. dk and dv of
// these rows start from the last elements of `start`, or from 0.
SharedRun RunShared(Ops& ops, TestBatch& batch, std::vector<float>& dout,
                    bool is_open = false,
                    const TestGradients* start = nullptr) {
  const int64_t prefix = batch.lengths.back();
  const int64_t prefix_begin = batch.rows - prefix;
  const int64_t whole = prefix / kPageTokens;
  const int64_t samples = batch.lengths.size() - 1;
  TestCache cache(batch.shape,
                  KvPages::PagesFor(prefix) * (samples + 1) + batch.pages());
  const std::vector<int32_t> prefix_pages = cache.Take(prefix);
  std::vector<std::vector<int32_t>> page_lists;
  std::vector<SequenceRows> sequences, copies;
  int64_t row = 0;
  for (int64_t s = 0; s < samples; ++s) {
    const int64_t shared = whole * kPageTokens;
    page_lists.emplace_back(prefix_pages.begin(), prefix_pages.begin() + whole);
    for (const int32_t page : cache.Take(prefix - shared + batch.lengths[s])) {
      page_lists.back().push_back(page);
    }
    sequences.push_back({row, batch.lengths[s], prefix, {}, prefix_begin});
    copies.push_back({prefix_begin + shared, prefix - shared, shared, {}});
    row += batch.lengths[s];
  }
  for (int64_t s = 0; s < samples; ++s) {
    sequences[s].pages = copies[s].pages = page_lists[s];
  }
  sequences.push_back({row, prefix, 0, prefix_pages});

  SharedRun run;
  run.forward.out.resize(batch.q.size());
  run.forward.lse.resize(batch.rows * batch.shape.heads);
  const Mat q = View(batch.q, batch.rows), k = View(batch.k, batch.rows),
            v = View(batch.v, batch.rows),
            out = View(run.forward.out, batch.rows),
            lse = View(run.forward.lse, batch.rows);
  const auto whole_batch = OnDevice(ops, sequences, copies);
  ops.KvWrite(k, v, *whole_batch, cache.pages());
  ops.AttentionForward(q, *whole_batch, cache.pages(), batch.shape.scale(), out,
                       lse);

  const float nan = std::numeric_limits<float>::quiet_NaN();
  TestGradients& g = run.gradients;
  g.dq.assign(batch.q.size(), nan);
  g.dk.resize(batch.k.size());
  g.dv.resize(batch.v.size());
  if (start != nullptr) {
    const int64_t count = prefix * batch.kv_width();
    std::copy(start->dk.end() - count, start->dk.end(), g.dk.end() - count);
    std::copy(start->dv.end() - count, start->dv.end(), g.dv.end() - count);
  }
  const int64_t rows = is_open ? prefix_begin : batch.rows;
  if (is_open) sequences.pop_back();
  ops.AttentionBackward(
      q.Rows(0, rows), out.Rows(0, rows), lse.Rows(0, rows),
      View(dout, batch.rows).Rows(0, rows), *OnDevice(ops, sequences),
      cache.pages(), batch.shape.scale(), View(g.dq, batch.rows).Rows(0, rows),
      View(g.dk, batch.rows), View(g.dv, batch.rows));
  return run;
}

// Rows of the samples [begin, end) of a batch and then of its prefix.
std::vector<float> PieceOf(const TestBatch& batch, const std::vector<float>& x,
                           int begin, int end) {
  const int64_t width = x.size() / batch.rows;
  const auto row = [&](int sequence) {
    return x.begin() + width * std::accumulate(batch.lengths.begin(),
                                               batch.lengths.begin() + sequence,
                                               int64_t{0});
  };
  std::vector<float> piece(row(begin), row(end));
  piece.insert(piece.end(), row(batch.lengths.size() - 1), x.end());
  return piece;
}

TestBatch PieceOf(const TestBatch& batch, int begin, int end) {
  std::vector<int64_t> lengths(batch.lengths.begin() + begin,
                               batch.lengths.begin() + end);
  lengths.push_back(batch.lengths.back());
  TestBatch piece(batch.shape, lengths, 0);
  piece.q = PieceOf(batch, batch.q, begin, end);
  piece.k = PieceOf(batch, batch.k, begin, end);
  piece.v = PieceOf(batch, batch.v, begin, end);
  return piece;
}

// The whole of one sample: the prefix, then its own rows.
std::vector<float> WholeOf(const TestBatch& batch, const std::vector<float>& x,
                           int sample) {
  std::vector<float> whole = PieceOf(batch, x, sample, sample + 1);
  const int64_t own = batch.lengths[sample] * (x.size() / batch.rows);
  std::rotate(whole.begin(), whole.begin() + own, whole.end());
  return whole;
}

const std::vector<int64_t> kPrefixes = {1, 15, 32, 45, 64, 97};

TEST_P(BackwardShapes, SharedPrefixHasTheBitsOfWholeSequences) {
  const auto ops = MakeCpuOps(2);
  for (const int64_t prefix : kPrefixes) {
    SCOPED_TRACE(prefix);
    TestBatch batch(GetParam(), {40, 1, 0, 70, prefix}, 31);
    std::vector<float> dout = RandomFloats(batch.q.size(), 34);
    const SharedRun shared = RunShared(*ops, batch, dout);
    int64_t begin = 0;
    for (int s = 0; s < 4; ++s) {
      const int64_t own = batch.lengths[s];
      TestBatch whole(GetParam(), {prefix + own}, 0);
      whole.q = WholeOf(batch, batch.q, s);
      whole.k = WholeOf(batch, batch.k, s);
      whole.v = WholeOf(batch, batch.v, s);
      std::vector<float> dout_whole = WholeOf(batch, dout, s);
      TestCache cache(batch.shape, whole.pages());
      std::vector<SequenceRows> sequences;
      std::vector<std::vector<int32_t>> page_lists;
      const TestOutput forward =
          RunPacked(*ops, whole, cache, &sequences, &page_lists);
      const TestGradients gradients = RunBoth(*ops, whole, dout_whole);
      const auto expect_same = [&](const std::vector<float>& got,
                                   const std::vector<float>& want,
                                   int64_t width, const char* what) {
        for (int64_t i = 0; i < own * width; ++i) {
          ASSERT_EQ(got[begin * width + i], want[prefix * width + i])
              << what << " of sample " << s << ", " << i;
        }
      };
      expect_same(shared.forward.out, forward.out, batch.q_width(), "out");
      expect_same(shared.forward.lse, forward.lse, batch.shape.heads, "lse");
      expect_same(shared.gradients.dq, gradients.dq, batch.q_width(), "dq");
      expect_same(shared.gradients.dk, gradients.dk, batch.kv_width(), "dk");
      expect_same(shared.gradients.dv, gradients.dv, batch.kv_width(), "dv");
      begin += own;
    }
  }
}

TEST_P(BackwardShapes, SharedPrefixMatchesOracleOnEveryTarget) {
  const int64_t prefix = 45;
  TestBatch batch(GetParam(), {40, 1, 70, prefix}, 35);
  std::vector<float> dout = RandomFloats(batch.q.size(), 38);
  // The prefix's gradient is the sum over all sequences.
  std::vector<double> dk(prefix * batch.kv_width()), dv(dk.size());
  double column_sum = 0;
  for (int s = 0; s < 4; ++s) {
    const bool is_prefix = s == 3;
    const int64_t length = is_prefix ? prefix : prefix + batch.lengths[s];
    const auto whole_of = [&](const std::vector<float>& x) {
      return is_prefix ? PieceOf(batch, x, 3, 3) : WholeOf(batch, x, s);
    };
    const auto whole = [&](const std::vector<float>& x) {
      const std::vector<float> w = whole_of(x);
      return std::vector<double>(w.begin(), w.end());
    };
    std::vector<double> slope = whole(dout);
    if (!is_prefix) {
      std::fill_n(slope.begin(), prefix * batch.q_width(), 0.0);
    }
    const auto g = reference::AttentionBackward(batch.reference_shape(length),
                                                whole(batch.q), whole(batch.k),
                                                whole(batch.v), slope);
    for (size_t i = 0; i < dk.size(); ++i) {
      dk[i] += g.dk[i];
      dv[i] += g.dv[i];
    }
    TestBatch alone(batch.shape, {length}, 0);
    alone.q = whole_of(batch.q);
    alone.k = whole_of(batch.k);
    column_sum += LargestColumnSum(alone, 0, length);
  }
  const double tolerance =
      GradientTolerance(batch.shape, batch.rows, column_sum);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const TestGradients got = RunShared(*MakeCpuOps(2), batch, dout).gradients;
    hwy::SetSupportedTargetsForTest(0);
    const int64_t begin = (batch.rows - prefix) * batch.kv_width();
    ExpectNear(got.dk, begin, dk, tolerance, "dk");
    ExpectNear(got.dv, begin, dv, tolerance, "dv");
  }
}

TEST_P(BackwardShapes, ThreadsDoNotChangeBitsOfASharedPrefix) {
  for (const int64_t prefix : kPrefixes) {
    TestBatch batch(GetParam(), {40, 1, 0, 170, prefix}, 39);
    std::vector<float> dout = RandomFloats(batch.q.size(), 42);
    const TestGradients want = RunShared(*MakeCpuOps(1), batch, dout).gradients;
    for (const int threads : {2, 16}) {
      const TestGradients got =
          RunShared(*MakeCpuOps(threads), batch, dout).gradients;
      EXPECT_EQ(got.dq, want.dq) << prefix << " " << threads;
      EXPECT_EQ(got.dk, want.dk) << prefix << " " << threads;
      EXPECT_EQ(got.dv, want.dv) << prefix << " " << threads;
    }
  }
}

TEST_P(BackwardShapes, PiecesOfAGroupAddUpToTheSameBits) {
  const auto ops = MakeCpuOps(3);
  for (const int64_t prefix : kPrefixes) {
    TestBatch batch(GetParam(), {40, 1, 33, 70, prefix}, 43);
    std::vector<float> dout = RandomFloats(batch.q.size(), 46);
    const TestGradients whole = RunShared(*ops, batch, dout).gradients;
    for (int cut = 1; cut < 4; ++cut) {
      TestBatch first = PieceOf(batch, 0, cut), last = PieceOf(batch, cut, 4);
      std::vector<float> dout_first = PieceOf(batch, dout, 0, cut);
      std::vector<float> dout_last = PieceOf(batch, dout, cut, 4);
      const TestGradients start =
          RunShared(*ops, first, dout_first, /*is_open=*/true).gradients;
      const TestGradients end =
          RunShared(*ops, last, dout_last, false, &start).gradients;
      EXPECT_EQ(end.dq, PieceOf(batch, whole.dq, cut, 4)) << cut;
      EXPECT_EQ(end.dk, PieceOf(batch, whole.dk, cut, 4)) << cut;
      EXPECT_EQ(end.dv, PieceOf(batch, whole.dv, cut, 4)) << cut;
    }
  }
}

}  // namespace
}  // namespace r1
