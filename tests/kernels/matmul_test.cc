#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/philox.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/kernels/op_test_util.h"
#include "tests/reference/linear.h"

namespace r1 {
namespace {

using MatMulTest = OnEveryTarget;

struct Shape {
  int64_t tokens, outputs, depth;
};

// Single elements, one less and one more than vectors, tiles (12 rows, 32
// outputs), blocks (192 rows, 1024 deep) and tasks.
const Shape kShapes[] = {
    {1, 1, 1},    {1, 33, 31},   {2, 31, 33},    {3, 160, 7},
    {4, 129, 64}, {5, 97, 100},  {7, 65, 3},     {11, 64, 17},
    {12, 32, 16}, {13, 15, 129}, {25, 17, 1},    {31, 33, 257},
    {193, 40, 5}, {3, 70, 1025}, {14, 33, 2050}, {200, 95, 31},
};

std::string Name(const Shape& s) {
  return absl::StrCat("[", s.tokens, ", ", s.depth, "] x [", s.outputs, ", ",
                      s.depth, "]");
}

// A sum of n products, each rounded twice at most (targets without fused
// multiply-add), and added once, errs by at most 2 n rounds of the sum of
// magnitudes (Higham, Accuracy and Stability, eq. 3.5; second-order terms are
// below the slack of the constant).
std::vector<double> SumBound(const std::vector<double>& x,
                             const std::vector<double>& w,
                             std::vector<double> start, const Shape& s) {
  const auto abs = [](std::vector<double> values) {
    for (double& value : values) value = std::abs(value);
    return values;
  };
  std::vector<double> bound = reference::Linear(abs(x), abs(w), abs(start),
                                                s.tokens, s.outputs, s.depth);
  for (double& value : bound) value *= 2 * (s.depth + 1) * kRound;
  return bound;
}

Linear LinearOf(Ops& ops, const TestMatrix& w) {
  Linear linear;
  const Tensor view = w.view();
  ops.SetLinear({&view, 1}, &linear);
  return linear;
}

TEST_P(MatMulTest, RunsOnTheChosenTarget) {
  EXPECT_STREQ(CpuTargetName(), hwy::TargetName(GetParam()));
}

TEST_P(MatMulTest, MatchesTheOracle) {
  for (const Shape& s : kShapes) {
    const auto ops = MakeCpuOps(2);
    const TestMatrix x(s.tokens, s.depth, 1), w(s.outputs, s.depth, 2);
    TestMatrix y(s.tokens, s.outputs, 3);
    const Linear linear = LinearOf(*ops, w);
    ASSERT_EQ(linear.outputs, s.outputs);
    ASSERT_EQ(linear.depth, s.depth);

    const std::vector<double> zero(s.tokens * s.outputs);
    ops->MatMul(x.view(), linear, {}, y.view());
    ExpectNear(y.Doubles(),
               reference::Linear(x.Doubles(), w.Doubles(), zero, s.tokens,
                                 s.outputs, s.depth),
               SumBound(x.Doubles(), w.Doubles(), zero, s), Name(s));

    const std::vector<double> before = y.Doubles();
    TestMatrix other(s.tokens, s.outputs, 5);
    ops->MatMulAdd(x.view(), linear, y.view(), other.view());
    EXPECT_EQ(y.Doubles(), before) << Name(s);
    ops->MatMulAdd(x.view(), linear, y.view(), y.view());
    ExpectSameBits(other, y, Name(s));
    EXPECT_TRUE(other.GapsAreIntact()) << Name(s);
    ExpectNear(y.Doubles(),
               reference::Linear(x.Doubles(), w.Doubles(), before, s.tokens,
                                 s.outputs, s.depth),
               SumBound(x.Doubles(), w.Doubles(), before, s),
               absl::StrCat(Name(s), " accumulated"));

    const std::vector<float> bias = RandomVector(s.outputs, 4);
    std::vector<double> biases;
    for (int64_t t = 0; t < s.tokens; ++t) {
      biases.insert(biases.end(), bias.begin(), bias.end());
    }
    ops->MatMul(x.view(), linear, VectorTensor(bias), y.view());
    ExpectNear(y.Doubles(),
               reference::Linear(x.Doubles(), w.Doubles(), biases, s.tokens,
                                 s.outputs, s.depth),
               SumBound(x.Doubles(), w.Doubles(), biases, s),
               absl::StrCat(Name(s), " with bias"));
    EXPECT_TRUE(y.GapsAreIntact()) << Name(s);
  }
}

TEST_P(MatMulTest, TransposedMultipliesByTheTranspose) {
  for (const Shape& s : kShapes) {
    const auto ops = MakeCpuOps(2);
    const TestMatrix x(s.tokens, s.depth, 5), w(s.depth, s.outputs, 6);
    TestMatrix y(s.tokens, s.outputs, 7);
    ops->MatMulTransposed(x.view(), LinearOf(*ops, w), y.view());
    const auto transposed =
        reference::Transpose(w.Doubles(), s.depth, s.outputs);
    const std::vector<double> zero(s.tokens * s.outputs);
    ExpectNear(y.Doubles(),
               reference::Linear(x.Doubles(), transposed, zero, s.tokens,
                                 s.outputs, s.depth),
               SumBound(x.Doubles(), transposed, zero, s), Name(s));
    EXPECT_TRUE(y.GapsAreIntact()) << Name(s);
  }
}

// The bits are those of a product with the transposed matrix: one chain over
// the rows of w, also where it takes several pieces of it (4 Mi elements each).
TEST_P(MatMulTest, TransposedRunsTheChainOfTheTransposedMatrix) {
  for (const Shape& s : {Shape{9, 37, 33}, Shape{2, 70, 65000}}) {
    const TestMatrix dy(s.tokens, s.depth, 27), w(s.depth, s.outputs, 25);
    TestMatrix turned(s.outputs, s.depth, 26);
    for (int64_t n = 0; n < s.outputs; ++n) {
      for (int64_t k = 0; k < s.depth; ++k) turned.at(n, k) = w.at(k, n);
    }
    TestMatrix expected(s.tokens, s.outputs, 28), dx(s.tokens, s.outputs, 29);
    const auto one = MakeCpuOps(1);
    one->MatMul(dy.view(), LinearOf(*one, turned), {}, expected.view());
    for (const int threads : {1, 2, 3}) {
      const auto ops = MakeCpuOps(threads);
      ops->MatMulTransposed(dy.view(), LinearOf(*ops, w), dx.view());
      ExpectSameBits(dx, expected,
                     absl::StrCat(Name(s), ", ", threads, " threads"));
    }
  }
}

TEST_P(MatMulTest, RowsAreThoseOfTheMatrix) {
  const auto ops = MakeCpuOps(2);
  const TestMatrix w(70, 37, 45);
  const Linear linear = LinearOf(*ops, w);
  const std::vector<int32_t> ids = {69, 0, 31, 32, 0};
  TestMatrix rows(ids.size(), 37, 46);
  ops->LinearRows(linear, VectorTensor(ids), rows.view());
  for (size_t t = 0; t < ids.size(); ++t) {
    ExpectSameBits(absl::MakeConstSpan(rows.view().Row(t), 37),
                   absl::MakeConstSpan(w.view().Row(ids[t]), 37), "row");
  }
}

// Any range of elements, whole rows or not, is read and written in row-major
// order.
TEST(Linear, ElementsAreReadAndWrittenInRowMajorOrder) {
  const auto ops = MakeCpuOps(1);
  const TestMatrix w(70, 37, 47);
  std::vector<float> all;
  for (int64_t n = 0; n < 70; ++n) {
    all.insert(all.end(), w.view().Row(n), w.view().Row(n) + 37);
  }
  const Linear linear = LinearOf(*ops, w);
  Linear copy;
  CpuDevice()->ResizeLinear(70, 37, &copy);
  for (const int64_t size : {1, 36, 37, 100, 1295}) {
    for (int64_t begin = 0; begin < w.rows() * 37; begin += size) {
      std::vector<float> part(std::min(size, 70 * 37 - begin));
      CpuDevice()->ReadLinear(linear, begin, absl::MakeSpan(part));
      ExpectSameBits(part, absl::MakeConstSpan(all).subspan(begin, part.size()),
                     "part");
      CpuDevice()->WriteLinear(part, begin, &copy);
    }
    ASSERT_EQ(copy.data.count(), linear.data.count());
    EXPECT_EQ(std::memcmp(FloatsOf(copy.data), FloatsOf(linear.data),
                          copy.data.count() * sizeof(float)),
              0)
        << "the padding, too";
    CpuDevice()->ResizeLinear(0, 0, &copy);
    CpuDevice()->ResizeLinear(70, 37, &copy);
  }
}

// The sum is one chain in ascending k: the exact bits are known.
TEST(MatMul, RunsTheDocumentedChain) {
  if (std::string(CpuTargetName()) == "SCALAR") {
    GTEST_SKIP() << "needs fused multiply-adds";
  }
  const Shape s = {17, 45, 1100};
  const auto ops = MakeCpuOps(2);
  const TestMatrix x(s.tokens, s.depth, 8), w(s.outputs, s.depth, 9);
  const std::vector<float> bias = RandomVector(s.outputs, 10);
  TestMatrix y(s.tokens, s.outputs, 11);
  TestMatrix chain(s.tokens, s.outputs, 12);
  ops->MatMul(x.view(), LinearOf(*ops, w), VectorTensor(bias), y.view());
  for (int64_t t = 0; t < s.tokens; ++t) {
    for (int64_t n = 0; n < s.outputs; ++n) {
      float sum = bias[n];
      for (int64_t k = 0; k < s.depth; ++k) {
        sum = std::fma(x.at(t, k), w.at(n, k), sum);
      }
      chain.at(t, n) = sum;
    }
  }
  ExpectSameBits(y, chain, "y");
}

TEST_P(MatMulTest, RowsDoNotDependOnTheBatchOrTheThreads) {
  for (const Shape& s :
       {Shape{45, 133, 70}, Shape{210, 300, 65}, Shape{30, 70, 2100}}) {
    const TestMatrix x(s.tokens, s.depth, 13), w(s.outputs, s.depth, 14);
    const std::vector<float> bias = RandomVector(s.outputs, 15);
    TestMatrix expected(s.tokens, s.outputs, 16);
    const auto one = MakeCpuOps(1);
    const Linear linear = LinearOf(*one, w);
    for (int64_t t = 0; t < s.tokens; ++t) {
      one->MatMul(x.view().Rows(t, 1), linear, VectorTensor(bias),
                  expected.view().Rows(t, 1));
    }
    for (const int threads : {1, 2, 3}) {
      const auto ops = MakeCpuOps(threads);
      for (int64_t batch = 1; batch <= s.tokens; batch += 1 + batch / 8) {
        TestMatrix y(s.tokens, s.outputs, 17);
        for (int64_t t = 0; t < s.tokens; t += batch) {
          const int64_t count = std::min(batch, s.tokens - t);
          ops->MatMul(x.view().Rows(t, count), linear, VectorTensor(bias),
                      y.view().Rows(t, count));
        }
        ExpectSameBits(y, expected,
                       absl::StrCat(Name(s), " in batches of ", batch, ", ",
                                    threads, " threads"));
      }
    }
  }
}

// Outputs computed as part of a larger matrix (fused query, key, value) have
// the bits of the separate products.
TEST_P(MatMulTest, PartsEqualSeparateMatrices) {
  const int64_t tokens = 9, depth = 37;
  const auto ops = MakeCpuOps(2);
  const TestMatrix x(tokens, depth, 18);
  const TestMatrix parts[] = {
      TestMatrix(31, depth, 19), TestMatrix(1, depth, 20),
      TestMatrix(0, depth, 21), TestMatrix(70, depth, 22)};
  std::vector<Tensor> views;
  for (const TestMatrix& part : parts) views.push_back(part.view());
  Linear linear;
  ops->SetLinear(views, &linear);
  ASSERT_EQ(linear.outputs, 102);
  TestMatrix y(tokens, linear.outputs, 23);
  ops->MatMul(x.view(), linear, {}, y.view());
  int64_t column = 0;
  for (const TestMatrix& part : parts) {
    TestMatrix alone(tokens, part.rows(), 24);
    ops->MatMul(x.view(), LinearOf(*ops, part), {}, alone.view());
    for (int64_t t = 0; t < tokens; ++t) {
      ExpectSameBits(absl::MakeConstSpan(y.view().Row(t) + column, part.rows()),
                     absl::MakeConstSpan(alone.view().Row(t), part.rows()),
                     "part");
    }
    column += part.rows();
  }
}

TEST_P(MatMulTest, SettingAgainForgetsTheOldWeights) {
  const auto ops = MakeCpuOps(1);
  const TestMatrix x(3, 20, 30), large(90, 20, 31), small(33, 20, 32);
  Linear linear = LinearOf(*ops, large);
  const Tensor view = small.view();
  ops->SetLinear({&view, 1}, &linear);
  TestMatrix y(3, 33, 33), expected(3, 33, 34);
  ops->MatMul(x.view(), linear, {}, y.view());
  ops->MatMul(x.view(), LinearOf(*ops, small), {}, expected.view());
  ExpectSameBits(y, expected, "y");
}

// The bfloat16 nearest to x, ties to the even one, by counting upwards.
float NearestBf16(float x) {
  const uint32_t low = std::bit_cast<uint32_t>(x) & 0xFFFF0000u;
  const float toward_zero = std::bit_cast<float>(low);
  const float away = std::bit_cast<float>(low + 0x10000u);
  const double to_low = std::abs(double{x} - toward_zero);
  const double to_away = std::abs(double{away} - x);
  if (to_low != to_away) return to_low < to_away ? toward_zero : away;
  return (low >> 16) % 2 == 0 ? toward_zero : away;
}

TEST(Bf16, RoundsToTheNearest) {
  RandomSequence random(1, RandomStream::kData, 0, 0);
  for (int i = 0; i < 10000; ++i) {
    const float x = std::ldexp(random.NextNormal(), i % 60 - 30);
    ASSERT_EQ(FromBf16(ToBf16(x)), NearestBf16(x)) << x;
  }
  // A tie between two of them, to the even one, downwards and upwards.
  EXPECT_EQ(FromBf16(ToBf16(1 + 0x1p-8f)), 1);
  EXPECT_EQ(FromBf16(ToBf16(1 + 3 * 0x1p-8f)), 1 + 4 * 0x1p-8f);
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(FromBf16(ToBf16(-infinity)), -infinity);
  EXPECT_EQ(FromBf16(ToBf16(std::numeric_limits<float>::max())), infinity);
  EXPECT_TRUE(std::isnan(FromBf16(ToBf16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(FromBf16(ToBf16(std::bit_cast<float>(0x7F800001u)))));
  EXPECT_EQ(std::signbit(FromBf16(ToBf16(-0.0f))), true);
}

// All products of a matrix in bf16 have the bits of those with the fp32 matrix
// of its values, for few rows (expanded in short pieces) and many.
TEST_P(MatMulTest, Bf16ComputesWithTheRoundedValuesInFp32) {
  for (const Shape& s : {Shape{1, 200, 300}, Shape{3, 133, 70},
                         Shape{12, 65, 515}, Shape{45, 300, 1100}}) {
    const TestMatrix w(s.outputs, s.depth, 51), x(s.tokens, s.depth, 52),
        dy(s.tokens, s.outputs, 53);
    TestMatrix rounded = w;
    for (int64_t n = 0; n < s.outputs; ++n) {
      for (int64_t k = 0; k < s.depth; ++k) {
        rounded.at(n, k) = NearestBf16(w.at(n, k));
      }
    }
    const std::vector<float> bias = RandomVector(s.outputs, 54);
    for (const int threads : {1, 3}) {
      const auto ops = MakeCpuOps(threads);
      Linear bf16;
      bf16.dtype = DType::kBF16;
      const Tensor view = w.view();
      ops->SetLinear({&view, 1}, &bf16);
      const Linear fp32 = LinearOf(*ops, rounded);
      EXPECT_LE(bf16.data.count(), (fp32.data.count() + 1) / 2);
      TestMatrix y(s.tokens, s.outputs, 55), want_y(s.tokens, s.outputs, 56);
      ops->MatMul(x.view(), bf16, VectorTensor(bias), y.view());
      ops->MatMul(x.view(), fp32, VectorTensor(bias), want_y.view());
      ExpectSameBits(y, want_y, absl::StrCat(Name(s), " y"));
      TestMatrix dx(s.tokens, s.depth, 57), want_dx(s.tokens, s.depth, 58);
      ops->MatMulTransposed(dy.view(), bf16, dx.view());
      ops->MatMulTransposed(dy.view(), fp32, want_dx.view());
      ExpectSameBits(dx, want_dx, absl::StrCat(Name(s), " dx"));
      const std::vector<int32_t> ids = {0, static_cast<int32_t>(s.outputs - 1)};
      TestMatrix rows(2, s.depth, 59), want_rows(2, s.depth, 60);
      ops->LinearRows(bf16, VectorTensor(ids), rows.view());
      ops->LinearRows(fp32, VectorTensor(ids), want_rows.view());
      ExpectSameBits(rows, want_rows, absl::StrCat(Name(s), " rows"));
      Linear written;
      written.dtype = DType::kBF16;
      CpuDevice()->ResizeLinear(s.outputs, s.depth, &written);
      for (int64_t n = 0; n < s.outputs; ++n) {
        CpuDevice()->WriteLinear(absl::MakeConstSpan(w.view().Row(n), s.depth),
                                 n * s.depth, &written);
      }
      EXPECT_EQ(std::memcmp(FloatsOf(written.data), FloatsOf(bf16.data),
                            bf16.data.count() * sizeof(float)),
                0);
    }
  }
}

TEST_P(MatMulTest, EmptySizes) {
  const auto ops = MakeCpuOps(2);
  const TestMatrix no_rows(0, 5, 35), w(7, 5, 36), no_depth(7, 0, 37);
  TestMatrix none(0, 7, 38);
  ops->MatMul(no_rows.view(), LinearOf(*ops, w), {}, none.view());
  const std::vector<float> bias = RandomVector(7, 39);
  const TestMatrix x(2, 0, 40);
  TestMatrix y(2, 7, 41);
  const Linear linear = LinearOf(*ops, no_depth);
  ops->MatMul(x.view(), linear, VectorTensor(bias), y.view());
  for (int64_t t = 0; t < 2; ++t) {
    ExpectSameBits(absl::MakeConstSpan(y.view().Row(t), 7), bias, "bias");
  }
  ops->MatMul(x.view(), linear, {}, y.view());
  EXPECT_EQ(y.Doubles(), std::vector<double>(14));
  // A gradient of nothing is zero.
  const TestMatrix no_outputs(0, 5, 48), dy(2, 0, 49);
  TestMatrix dx(2, 5, 50);
  ops->MatMulTransposed(dy.view(), LinearOf(*ops, no_outputs), dx.view());
  EXPECT_EQ(dx.Doubles(), std::vector<double>(10));
}

TEST(MatMulDeathTest, RefusesWrongShapes) {
  const auto ops = MakeCpuOps(1);
  const TestMatrix x(2, 6, 42), w(7, 5, 43);
  TestMatrix y(2, 7, 44);
  const Linear linear = LinearOf(*ops, w);
  EXPECT_DEATH(ops->MatMul(x.view(), linear, {}, y.view()), "MatMul");
}

R1_INSTANTIATE_ON_EVERY_TARGET(MatMulTest);

}  // namespace
}  // namespace r1
