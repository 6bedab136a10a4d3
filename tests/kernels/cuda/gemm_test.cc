// Products of matrices against double, and their bits across tiles, splits,
// numbers of rows and orders of threads.
#include "kernels/cuda/gemm.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/order.h"
#include "tests/kernels/cuda/hosted_matrix.h"
#include "tests/reference/linear.h"

namespace r1::cuda {
namespace {

using reference::Linear;
using reference::Transpose;

struct Shape {
  int m, n, k;
};

std::string NameOf(const testing::TestParamInfo<Shape>& info) {
  return "M" + std::to_string(info.param.m) + "N" +
         std::to_string(info.param.n) + "K" + std::to_string(info.param.k);
}

// What an output may be away from its exact sum: depth + 3 roundings of partial
// sums, each at most the sum of the terms' absolute values (Higham 2002, sec.
// 3.1), in any order; then, as bf16, its own rounding.
std::vector<double> Bounds(const std::vector<double>& x,
                           const std::vector<double>& w,
                           const std::vector<double>& start,
                           const std::vector<double>& want, const Shape& s,
                           bool is_bf16) {
  const auto absolute = [](std::vector<double> v) {
    for (double& value : v) value = std::abs(value);
    return v;
  };
  std::vector<double> bound =
      Linear(absolute(x), absolute(w), absolute(start), s.m, s.n, s.k);
  for (size_t i = 0; i < bound.size(); ++i) {
    bound[i] *= (s.k + 3) * kFloatRound;
    if (is_bf16) bound[i] += kBf16Round * (std::abs(want[i]) + bound[i]);
  }
  return bound;
}

struct Operands {
  HostedMatrix<bf16> x, w;
  HostedMatrix<float> bias;

  explicit Operands(const Shape& s)
      : x(RandomMatrix<bf16>(s.m, s.k, 1)),
        w(RandomMatrix<bf16>(s.n, s.k, 2)),
        bias(RandomMatrix<float>(1, s.n, 3)) {}
};

HostedMatrix<float> ScratchFor(const Shape& s) {
  return {1, MatMulScratch(s.m, s.n, s.k)};
}

// x W^T, with the bias if it is given.
template <class Out>
HostedMatrix<Out> Forward(const HostedMatrix<bf16>& x,
                          const HostedMatrix<bf16>& w, Tensor bias = {}) {
  const int m = x.rows(), n = w.rows(), k = x.cols();
  HostedMatrix<Out> y(m, n, n + 3);
  const HostedMatrix<float> scratch = ScratchFor({m, n, k});
  RunOnDevice(
      [&](Stream& stream) { MatMul(x, w, bias, {}, y, scratch, stream); });
  EXPECT_TRUE(y.GapsAreIntact());
  return y;
}

template <class Out>
void InputGradient(const HostedMatrix<bf16>& dy, const HostedMatrix<bf16>& w,
                   Tensor start, const HostedMatrix<Out>& dx) {
  RunOnDevice(
      [&](Stream& stream) { MatMulTransposed(dy, w, start, dx, stream); });
}

void WeightGradient(const HostedMatrix<bf16>& dy, const HostedMatrix<bf16>& x,
                    const HostedMatrix<float>& dw) {
  RunOnDevice([&](Stream& stream) { MatMulWeightGradient(dy, x, dw, stream); });
}

class GemmTest : public testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(Shapes, GemmTest,
                         testing::ValuesIn(ShapesToTest<Shape>(
                             {Shape{33, 65, 520}, Shape{16, 7, 13},
                              Shape{1, 1, 64}, Shape{1, 130, 24},
                              Shape{31, 33, 72}, Shape{65, 136, 320},
                              Shape{130, 129, 1100}})),
                         NameOf);

TEST_P(GemmTest, ForwardMatchesOracle) {
  const Shape s = GetParam();
  const Operands in(s);
  const std::vector<double> x = in.x.Doubles(), w = in.w.Doubles();
  std::vector<double> start;
  for (int i = 0; i < s.m; ++i) {
    const std::vector<double> bias = in.bias.Doubles();
    start.insert(start.end(), bias.begin(), bias.end());
  }
  const std::vector<double> want = Linear(x, w, start, s.m, s.n, s.k);
  ExpectWithin(Forward<float>(in.x, in.w, in.bias).Doubles(), want,
               Bounds(x, w, start, want, s, false), "float");
  ExpectWithin(Forward<bf16>(in.x, in.w, in.bias).Doubles(), want,
               Bounds(x, w, start, want, s, true), "bf16");
}

TEST_P(GemmTest, ForwardAddsInPlace) {
  const Shape s = GetParam();
  const Operands in(s);
  const HostedMatrix<float> product = Forward<float>(in.x, in.w);
  const HostedMatrix<float> start = RandomMatrix<float>(s.m, s.n, 4);
  HostedMatrix<float> y = CopyOf(start);
  const HostedMatrix<float> scratch = ScratchFor(s);
  RunOnDevice(
      [&](Stream& stream) { MatMul(in.x, in.w, {}, y, y, scratch, stream); });
  for (int r = 0; r < s.m; ++r) {
    for (int c = 0; c < s.n; ++c) {
      ASSERT_EQ(y.at(r, c), start.at(r, c) + product.at(r, c)) << r << " " << c;
    }
  }
}

TEST_P(GemmTest, NeitherThreadsNorASecondLaunchChangeBits) {
  const Operands in(GetParam());
  const HostedMatrix<float> want = Forward<float>(in.x, in.w);
  ForEachThreadOrder([&](uint64_t order) {
    ExpectSameBits(Forward<float>(in.x, in.w), want,
                   "order " + std::to_string(order));
  });
}

// Every number of rows has its tile and its split; a row has one value.
TEST(GemmForwardTest, RowsDoNotChangeBits) {
  for (const Shape s : ShapesToTest<Shape>(
           {{150, 40, 520}, {150, 129, 520}, {150, 129, 1100}})) {
    SCOPED_TRACE(s.k);
    ASSERT_GT(NumChunks(s.n, s.k), 1);
    const Operands in(s);
    const HostedMatrix<float> all = Forward<float>(in.x, in.w);
    const HostedMatrix<bf16> all16 = Forward<bf16>(in.x, in.w);
    for (const int rows : ShapesToTest<int>({7, 65, 1, 16, 17, 33, 64, 129})) {
      for (const int begin : {0, 3, 150 - rows}) {
        const HostedMatrix<bf16> x = CopyOf(in.x, begin, rows);
        const std::string what = std::to_string(rows) + " rows";
        ExpectSameRows(all, begin, Forward<float>(x, in.w), what);
        if (begin != 3) continue;
        ExpectSameRows(all16, begin, Forward<bf16>(x, in.w), what);
      }
    }
  }
}

TEST(GemmForwardTest, ChunksAreThoseOfTheDesign) {
  // qkv, o, gate_up and down of a model with C = 896, F = 4864.
  EXPECT_EQ(ChunkDepth(1152, 896), 320);
  EXPECT_EQ(ChunkDepth(896, 896), 320);
  EXPECT_EQ(ChunkDepth(9728, 896), 448);
  EXPECT_EQ(ChunkDepth(896, 4864), 384);
  EXPECT_EQ(ChunkDepth(151936, 896), 896);
  EXPECT_EQ(ChunkDepth(1, 24), 64);
  EXPECT_EQ(NumChunks(1, 24), 1);
}

// dx = start + dy W.
TEST_P(GemmTest, InputGradientMatchesOracle) {
  const Shape s = GetParam();  // dy [m, k], w [k, n]
  const HostedMatrix<bf16> dy = RandomMatrix<bf16>(s.m, s.k, 5);
  const HostedMatrix<bf16> w = RandomMatrix<bf16>(s.k, s.n, 6);
  HostedMatrix<float> dx = RandomMatrix<float>(s.m, s.n, 7);
  const std::vector<double> start = dx.Doubles();
  const std::vector<double> x = dy.Doubles();
  const std::vector<double> wt = Transpose(w.Doubles(), s.k, s.n);
  std::vector<double> want = Linear(x, wt, start, s.m, s.n, s.k);
  InputGradient(dy, w, dx, dx);
  ExpectWithin(dx.Doubles(), want, Bounds(x, wt, start, want, s, false), "+=");

  const std::vector<double> zero(s.m * s.n);
  want = Linear(x, wt, zero, s.m, s.n, s.k);
  HostedMatrix<bf16> dx16(s.m, s.n, s.n + 1);
  InputGradient(dy, w, {}, dx16);
  EXPECT_TRUE(dx16.GapsAreIntact());
  ExpectWithin(dx16.Doubles(), want, Bounds(x, wt, zero, want, s, true), "=");
}

// A chain may be cut between calls, at multiples of 16.
TEST_P(GemmTest, WeightGradientMatchesOracleInPieces) {
  const Shape s = GetParam();  // dy [k, m], x [k, n]
  const HostedMatrix<bf16> dy = RandomMatrix<bf16>(s.k, s.m, 8);
  const HostedMatrix<bf16> x = RandomMatrix<bf16>(s.k, s.n, 9);
  const HostedMatrix<float> start = RandomMatrix<float>(s.m, s.n, 10);
  const std::vector<double> a = Transpose(dy.Doubles(), s.k, s.m);
  const std::vector<double> b = Transpose(x.Doubles(), s.k, s.n);
  const std::vector<double> want = Linear(a, b, start.Doubles(), s.m, s.n, s.k);
  HostedMatrix<float> dw = CopyOf(start);
  WeightGradient(dy, x, dw);
  ExpectWithin(dw.Doubles(), want,
               Bounds(a, b, start.Doubles(), want, s, false), "dw");

  HostedMatrix<float> pieces = CopyOf(start);
  for (int begin = 0; begin < s.k; begin += 48) {
    const int count = std::min(48, s.k - begin);
    WeightGradient(CopyOf(dy, begin, count), CopyOf(x, begin, count), pieces);
  }
  ExpectSameBits(pieces, dw, "in pieces of 48");
}

TEST(GemmBackwardTest, NeitherThreadsNorRowsChangeBits) {
  const Shape s = {70, 136, 200};
  const HostedMatrix<bf16> dy = RandomMatrix<bf16>(s.m, s.k, 11);
  const HostedMatrix<bf16> w = RandomMatrix<bf16>(s.k, s.n, 12);
  HostedMatrix<float> want(s.m, s.n);
  InputGradient(dy, w, {}, want);
  HostedMatrix<float> want_dw(s.k, s.n);
  std::memset(want_dw.data(), 0, sizeof(float) * s.k * want_dw.stride());
  const HostedMatrix<float> zero = CopyOf(want_dw);
  const HostedMatrix<bf16> x = RandomMatrix<bf16>(s.m, s.n, 13);
  WeightGradient(dy, x, want_dw);
  ForEachThreadOrder([&](uint64_t order) {
    const std::string what = "order " + std::to_string(order);
    HostedMatrix<float> dx(s.m, s.n);
    InputGradient(dy, w, {}, dx);
    ExpectSameBits(dx, want, what);
    HostedMatrix<float> dw = CopyOf(zero);
    WeightGradient(dy, x, dw);
    ExpectSameBits(dw, want_dw, what);
  });
  HostedMatrix<float> row(1, s.n);
  InputGradient(CopyOf(dy, 41, 1), w, {}, row);
  ExpectSameRows(want, 41, row, "alone");
}

}  // namespace
}  // namespace r1::cuda
