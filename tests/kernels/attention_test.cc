// AttentionForward and KvWrite against the double oracle, and their bits
// across paths, batches and thread counts.
#include "tests/reference/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "kernels/ops.h"
#include "tests/kernels/attention_test_util.h"

namespace r1 {
namespace {

constexpr double kUnit = 0x1p-24;  // unit roundoff of float

// Lengths around the page and tile borders.
const std::vector<int64_t> kLengths = {1, 31, 33, 49, 65, 100};

class AttentionShapes : public testing::TestWithParam<HeadShape> {};

INSTANTIATE_TEST_SUITE_P(
    All, AttentionShapes,
    testing::Values(HeadShape{1, 1, 16}, HeadShape{2, 2, 32},
                    HeadShape{4, 2, 64}, HeadShape{3, 1, 80},
                    HeadShape{8, 2, 32}, HeadShape{9, 3, 64},
                    HeadShape{2, 1, 128}, HeadShape{5, 1, 6},
                    HeadShape{40, 1, 2}, HeadShape{7, 1, 50}),
    [](const testing::TestParamInfo<HeadShape>& info) {
      return "H" + std::to_string(info.param.heads) + "K" +
             std::to_string(info.param.kv_heads) + "D" +
             std::to_string(info.param.depth);
    });

// Error of one row, first order in u = 2^-24, with |q|, |k|, |v| <= 1:
//   a score: D roundings of the chain and one of the scale, each at most u
//     times the absolute sum scale * sum |q k| <= scale * D;
//   exp: relative 2e-7 < 4 u, plus the error of score and maximum;
//   out: errors of numerator and denominator, n + 2 roundings each.
double RowTolerance(const HeadShape& shape, int64_t keys) {
  const double score = (shape.depth + 1) * kUnit * shape.scale() * shape.depth;
  return 2 * (2 * score + (4 + keys + 2) * kUnit);
}

void ExpectNearOracle(const TestBatch& batch, const TestOutput& got) {
  int64_t begin = 0;
  for (const int64_t length : batch.lengths) {
    const auto want = reference::AttentionForward(
        batch.reference_shape(length),
        TestBatch::Slice(batch.q, batch.q_width(), begin, length),
        TestBatch::Slice(batch.k, batch.kv_width(), begin, length),
        TestBatch::Slice(batch.v, batch.kv_width(), begin, length));
    const double tolerance = RowTolerance(batch.shape, length);
    for (size_t i = 0; i < want.out.size(); ++i) {
      ASSERT_NEAR(got.out[begin * batch.q_width() + i], want.out[i], tolerance)
          << "length " << length << ", element " << i;
    }
    for (size_t i = 0; i < want.lse.size(); ++i) {
      // lse itself is up to scale * D + log(n) and is rounded once more.
      ASSERT_NEAR(got.lse[begin * batch.shape.heads + i], want.lse[i],
                  tolerance + 4 * kUnit * std::abs(want.lse[i]))
          << "length " << length << ", element " << i;
    }
    begin += length;
  }
}

TEST_P(AttentionShapes, MatchesOracleOnEveryTarget) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    const auto ops = MakeCpuOps(1);
    TestBatch batch(GetParam(), kLengths, 1);
    TestCache cache(batch.shape, batch.pages());
    std::vector<SequenceRows> sequences;
    std::vector<std::vector<int32_t>> page_lists;
    ExpectNearOracle(batch,
                     RunPacked(*ops, batch, cache, &sequences, &page_lists));
    hwy::SetSupportedTargetsForTest(0);
  }
}

TEST_P(AttentionShapes, DecodeChunksAndPackedHaveEqualBits) {
  const auto ops = MakeCpuOps(2);
  TestBatch batch(GetParam(), kLengths, 2);
  TestCache cache(batch.shape, batch.pages());
  std::vector<SequenceRows> sequences;
  std::vector<std::vector<int32_t>> page_lists;
  const TestOutput packed =
      RunPacked(*ops, batch, cache, &sequences, &page_lists);
  for (const int64_t chunk : {1, 7, 32, 64}) {
    SCOPED_TRACE(chunk);
    const TestOutput chunked = RunChunked(*ops, batch, chunk);
    EXPECT_EQ(packed.out, chunked.out);
    EXPECT_EQ(packed.lse, chunked.lse);
  }
}

TEST_P(AttentionShapes, ThreadsDoNotChangeBits) {
  TestOutput first;
  for (const int threads : {1, 2, 3}) {
    const auto ops = MakeCpuOps(threads);
    TestBatch batch(GetParam(), kLengths, 3);
    TestCache cache(batch.shape, batch.pages());
    std::vector<SequenceRows> sequences;
    std::vector<std::vector<int32_t>> page_lists;
    const TestOutput got =
        RunPacked(*ops, batch, cache, &sequences, &page_lists);
    if (threads == 1) first = got;
    EXPECT_EQ(got.out, first.out) << threads;
    EXPECT_EQ(got.lse, first.lse) << threads;
  }
}

// Keys transposed, values as they are, at their positions and nowhere else.
TEST(KvWriteTest, StoresRowsAtTheirPositionsOnly) {
  const HeadShape shape = {2, 2, 6};
  const auto ops = MakeCpuOps(2);
  TestBatch batch(shape, {45}, 9);
  TestCache cache(shape, 6);
  // Positions 20 to 55 and 0 to 8 of two sequences.
  const std::vector<int32_t> first = cache.Take(56);
  const std::vector<int32_t> second = cache.Take(9);
  ops->KvWrite(View(batch.k, 45), View(batch.v, 45),
               *OnDevice(*ops, {{0, 36, 20, first}, {36, 9, 0, second}}),
               cache.pages());
  const KvPages& pages = cache.pages();
  std::vector<float> want(pages.data.count(), std::nanf(""));
  for (int64_t row = 0; row < 45; ++row) {
    const int64_t position = row < 36 ? 20 + row : row - 36;
    const auto& list = row < 36 ? first : second;
    const int64_t slot = position % kPageTokens;
    for (int head = 0; head < shape.kv_heads; ++head) {
      float* block = want.data() +
                     list[position / kPageTokens] * pages.data.cols +
                     head * 2 * shape.depth * kPageTokens;
      for (int c = 0; c < shape.depth; ++c) {
        const int64_t from = (row * shape.kv_heads + head) * shape.depth + c;
        block[c * kPageTokens + slot] = batch.k[from];
        block[shape.depth * kPageTokens + slot * shape.depth + c] =
            batch.v[from];
      }
    }
  }
  const float* const got = ConstMat(pages.data).data;
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) {
      ASSERT_TRUE(std::isnan(got[i])) << i;
    } else {
      ASSERT_EQ(got[i], want[i]) << i;
    }
  }
}

// Two samples of one prompt: their page lists begin with the same pages.
TEST(AttentionTest, SharedPrefixPagesGiveTheBitsOfOwnPages) {
  const HeadShape shape = {4, 2, 32};
  const int64_t prompt = 64;
  const int64_t response = 21;
  const auto ops = MakeCpuOps(2);
  // Row layout: prompt, response of A, response of B.
  TestBatch batch(shape, {prompt + 2 * response}, 4);
  TestCache cache(shape, 16);
  std::vector<int32_t> pages_a = cache.Take(prompt + response);
  std::vector<int32_t> pages_b(pages_a.begin(), pages_a.begin() + 2);
  for (const int32_t page : cache.Take(response)) pages_b.push_back(page);
  const SequenceRows whole = {0, prompt, 0, pages_a};
  std::vector<float> shared(batch.q.size());
  const auto run = [&](std::vector<SequenceRows> sequences) {
    const auto rows = OnDevice(*ops, sequences);
    ops->KvWrite(View(batch.k, batch.rows), View(batch.v, batch.rows), *rows,
                 cache.pages());
    ops->AttentionForward(View(batch.q, batch.rows), *rows, cache.pages(),
                          shape.scale(), View(shared, batch.rows), Mat());
  };
  run({whole});
  run({{prompt, response, prompt, pages_a},
       {prompt + response, response, prompt, pages_b}});

  // B alone, on pages of its own: rows of the prompt, then of B.
  const int64_t width = batch.q_width();
  const auto without_a = [&](const std::vector<float>& x, int64_t width) {
    std::vector<float> rows(x.begin(), x.begin() + prompt * width);
    rows.insert(rows.end(), x.begin() + (prompt + response) * width, x.end());
    return rows;
  };
  TestBatch alone(shape, {prompt + response}, 5);
  alone.q = without_a(batch.q, batch.q_width());
  alone.k = without_a(batch.k, batch.kv_width());
  alone.v = without_a(batch.v, batch.kv_width());
  TestCache own(shape, 16);
  std::vector<SequenceRows> sequences;
  std::vector<std::vector<int32_t>> page_lists;
  const TestOutput want = RunPacked(*ops, alone, own, &sequences, &page_lists);
  EXPECT_EQ(without_a(shared, width), want.out);
}

TEST(AttentionTest, NanInOneQueryStaysInItsRow) {
  const HeadShape shape = {4, 2, 32};
  const auto ops = MakeCpuOps(1);
  TestBatch batch(shape, {40}, 6);
  TestBatch broken = batch;
  const int64_t row = 21;
  broken.q[row * batch.q_width()] = std::nanf("");  // head 0
  const auto run = [&](TestBatch& b) {
    TestCache cache(shape, b.pages());
    std::vector<SequenceRows> sequences;
    std::vector<std::vector<int32_t>> page_lists;
    return RunPacked(*ops, b, cache, &sequences, &page_lists).out;
  };
  const std::vector<float> good = run(batch);
  const std::vector<float> bad = run(broken);
  for (size_t i = 0; i < good.size(); ++i) {
    const bool hit = static_cast<int64_t>(i) / shape.depth == row * shape.heads;
    if (hit) {
      EXPECT_TRUE(std::isnan(bad[i])) << i;
    } else {
      EXPECT_EQ(good[i], bad[i]) << i;
    }
  }
}

// A broken key must show in every row that sees it, and in no earlier row.
TEST(AttentionTest, NanInOneKeyReachesAllLaterRows) {
  const HeadShape shape = {4, 2, 32};
  const auto ops = MakeCpuOps(1);
  TestBatch batch(shape, {70}, 61);
  TestBatch broken = batch;
  const int64_t position = 45;
  broken.k[position * batch.kv_width()] = std::nanf("");  // kv-head 0
  const auto check = [&](const TestOutput& good, const TestOutput& bad) {
    for (size_t i = 0; i < good.out.size(); ++i) {
      const int64_t row = i / batch.q_width();
      const int64_t head = i / shape.depth % shape.heads;
      if (row >= position && head < 2) {
        ASSERT_TRUE(std::isnan(bad.out[i])) << i;
      } else {
        ASSERT_EQ(good.out[i], bad.out[i]) << i;
      }
    }
  };
  check(RunChunked(*ops, batch, 70), RunChunked(*ops, broken, 70));
  check(RunChunked(*ops, batch, 1), RunChunked(*ops, broken, 1));
}

// One score far above the others must not overflow, far below not matter.
TEST(AttentionTest, ExtremeScoresGiveExactSelection) {
  const HeadShape shape = {1, 1, 2};
  const auto ops = MakeCpuOps(1);
  TestBatch batch(shape, {3}, 7);
  batch.q = {1, 0, 1, 0, 1, 0};
  batch.k = {-1e4f, 0, 1e4f, 0, -1e4f, 0};
  batch.v = {1, 2, 3, 4, 5, 6};
  TestCache cache(shape, 1);
  std::vector<SequenceRows> sequences;
  std::vector<std::vector<int32_t>> page_lists;
  const TestOutput got = RunPacked(*ops, batch, cache, &sequences, &page_lists);
  EXPECT_EQ(got.out, (std::vector<float>{1, 2, 3, 4, 3, 4}));
}

TEST(AttentionTest, ViewsWithStridesAndGapsBetweenSequences) {
  const HeadShape shape = {4, 2, 32};
  const auto ops = MakeCpuOps(1);
  TestBatch batch(shape, {33}, 8);
  TestCache cache(shape, 2);
  std::vector<SequenceRows> sequences;
  std::vector<std::vector<int32_t>> page_lists;
  const TestOutput want =
      RunPacked(*ops, batch, cache, &sequences, &page_lists);

  // q, k and v side by side in one wide matrix, rows 5 to 37 of 40.
  const int64_t q_width = batch.q_width();
  const int64_t kv_width = batch.kv_width();
  const int64_t stride = q_width + 2 * kv_width;
  std::vector<float> qkv(40 * stride, 9.0f);
  for (int64_t t = 0; t < 33; ++t) {
    float* row = qkv.data() + (t + 5) * stride;
    std::copy_n(batch.q.begin() + t * q_width, q_width, row);
    std::copy_n(batch.k.begin() + t * kv_width, kv_width, row + q_width);
    std::copy_n(batch.v.begin() + t * kv_width, kv_width,
                row + q_width + kv_width);
  }
  const Mat all(qkv.data(), 40, stride);
  TestCache own(shape, 2);
  const std::vector<int32_t> pages = own.Take(33);
  const std::vector<SequenceRows> one = {{5, 33, 0, pages}, {0, 0, 0, {}}};
  std::vector<float> out(40 * q_width, -3.0f);
  const auto rows = OnDevice(*ops, one);
  ops->KvWrite(all.Cols(q_width, kv_width),
               all.Cols(q_width + kv_width, kv_width), *rows, own.pages());
  ops->AttentionForward(all.Cols(0, q_width), *rows, own.pages(), shape.scale(),
                        View(out, 40), Mat());
  for (int64_t i = 0; i < 40 * q_width; ++i) {
    const int64_t t = i / q_width - 5;
    const bool inside = t >= 0 && t < 33;
    ASSERT_EQ(out[i], inside ? want.out[i - 5 * q_width] : -3.0f) << i;
  }
}

TEST(AttentionTest, EmptyBatchTouchesNothing) {
  const HeadShape shape = {2, 1, 16};
  const auto ops = MakeCpuOps(2);
  TestCache cache(shape, 1);
  const Mat q(nullptr, 0, 32);
  const Mat k(nullptr, 0, 16);
  const auto none = OnDevice(*ops, {});
  ops->KvWrite(k, k, *none, cache.pages());
  ops->AttentionForward(q, *none, cache.pages(), 1, q, Mat());
  ops->AttentionBackward(q, q, Mat(nullptr, 0, 2), q, *none, cache.pages(), 1,
                         q, k, k);
  const ConstMat page = cache.pages().data;
  for (int64_t i = 0; i < page.cols; ++i) {
    ASSERT_TRUE(std::isnan(page.data[i])) << i;
  }
}

}  // namespace
}  // namespace r1
