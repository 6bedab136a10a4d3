#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/kernels/op_test_util.h"
#include "tests/reference/linear.h"

namespace r1 {
namespace {

using WeightGradientTest = OnEveryTarget;

struct Shape {
  int64_t tokens, outputs, depth;
};

// Around the sizes of vectors, strips (12), panels (32) and blocks of tokens.
const Shape kShapes[] = {
    {1, 1, 1},   {1, 31, 33},   {3, 12, 32},  {33, 13, 31}, {31, 33, 65},
    {64, 24, 7}, {257, 37, 40}, {600, 5, 33}, {1025, 3, 2}, {40, 100, 130},
};

std::string Name(const Shape& s) {
  return absl::StrCat("dy [", s.tokens, ", ", s.outputs, "], x [", s.tokens,
                      ", ", s.depth, "]");
}

std::vector<double> Abs(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return values;
}

// The bound of a sum of T products that starts at dw: see matmul_test.cc.
TEST_P(WeightGradientTest, MatchesTheOracle) {
  for (const Shape& s : kShapes) {
    const auto ops = MakeCpuOps(2);
    const TestMatrix dy(s.tokens, s.outputs, 1), x(s.tokens, s.depth, 2);
    TestMatrix dw(s.outputs, s.depth, 3);
    const std::vector<double> before = dw.Doubles();
    ops->MatMulWeightGradient(dy.view(), x.view(), dw.view());
    const auto dy_t = reference::Transpose(dy.Doubles(), s.tokens, s.outputs);
    const auto x_t = reference::Transpose(x.Doubles(), s.tokens, s.depth);
    auto bound = reference::Linear(Abs(dy_t), Abs(x_t), Abs(before), s.outputs,
                                   s.depth, s.tokens);
    for (double& value : bound) value *= 2 * (s.tokens + 1) * kRound;
    ExpectNear(
        dw.Doubles(),
        reference::Linear(dy_t, x_t, before, s.outputs, s.depth, s.tokens),
        bound, Name(s));
    EXPECT_TRUE(dw.GapsAreIntact()) << Name(s);
  }
}

// dL/dw and dL/dx of L = sum(dy * (x w^T)) by finite differences of the
// oracle's forward. L is linear in each, so that the difference quotient errs
// only by rounding in double.
TEST_P(WeightGradientTest, MatchesFiniteDifferences) {
  const Shape s = {13, 9, 11};
  const auto ops = MakeCpuOps(2);
  const TestMatrix x(s.tokens, s.depth, 4), w(s.outputs, s.depth, 5),
      dy(s.tokens, s.outputs, 6);
  const std::vector<double> zero(s.tokens * s.outputs);
  const auto loss = [&](const std::vector<double>& xs,
                        const std::vector<double>& ws) {
    return Dot(dy.Doubles(),
               reference::Linear(xs, ws, zero, s.tokens, s.outputs, s.depth));
  };
  // Sums of 13 and 9 products of standard normals, below 5 each: 2 * 14 *
  // kRound * 13 * 25 < 6e-4 at the very worst; roundings partly cancel.
  const double tolerance = 1e-4;

  TestMatrix dw(s.outputs, s.depth, 7);
  std::vector<double> want = FiniteDifferences(
      w.Doubles(),
      [&](const std::vector<double>& ws) { return loss(x.Doubles(), ws); });
  const std::vector<double> before = dw.Doubles();
  for (size_t i = 0; i < want.size(); ++i) want[i] += before[i];
  ops->MatMulWeightGradient(dy.view(), x.view(), dw.view());
  ExpectNear(dw.Doubles(), want, std::vector<double>(want.size(), tolerance),
             "dw");

  TestMatrix dx(s.tokens, s.depth, 8);
  Linear linear;
  const Tensor view = w.view();
  ops->SetLinear({&view, 1}, &linear);
  ops->MatMulTransposed(dy.view(), linear, dx.view());
  want = FiniteDifferences(x.Doubles(), [&](const std::vector<double>& xs) {
    return loss(xs, w.Doubles());
  });
  ExpectNear(dx.Doubles(), want, std::vector<double>(want.size(), tolerance),
             "dx");
}

TEST_P(WeightGradientTest, ThreadsAndSplitCallsKeepTheBits) {
  for (const Shape& s : {Shape{300, 50, 70}, Shape{1100, 40, 33}}) {
    const TestMatrix dy(s.tokens, s.outputs, 9), x(s.tokens, s.depth, 10);
    const TestMatrix start(s.outputs, s.depth, 11);
    TestMatrix expected = start;
    MakeCpuOps(1)->MatMulWeightGradient(dy.view(), x.view(), expected.view());
    for (const int threads : {1, 2, 3}) {
      const auto ops = MakeCpuOps(threads);
      // Tokens enter one after another, so a batch may come in two calls.
      for (const int64_t split : {int64_t{0}, int64_t{1}, s.tokens / 3}) {
        TestMatrix dw = start;
        ops->MatMulWeightGradient(dy.view().Rows(0, split),
                                  x.view().Rows(0, split), dw.view());
        ops->MatMulWeightGradient(dy.view().Rows(split, s.tokens - split),
                                  x.view().Rows(split, s.tokens - split),
                                  dw.view());
        ExpectSameBits(dw, expected,
                       absl::StrCat(Name(s), " split at ", split, ", ", threads,
                                    " threads"));
      }
    }
  }
}

TEST_P(WeightGradientTest, ColumnSumMatchesTheOracle) {
  for (const auto& [tokens, cols] : {std::pair<int64_t, int64_t>{1, 1},
                                     {31, 33},
                                     {300, 31},
                                     {0, 5},
                                     {1000, 129}}) {
    const TestMatrix dy(tokens, cols, 12);
    const std::vector<float> start = RandomVector(cols, 13);
    std::vector<double> want(start.begin(), start.end()), bound(cols);
    for (int64_t c = 0; c < cols; ++c) {
      bound[c] = std::abs(want[c]);
      for (int64_t t = 0; t < tokens; ++t) {
        want[c] += dy.at(t, c);
        bound[c] += std::abs(dy.at(t, c));
      }
      bound[c] *= (tokens + 1) * kRound;  // one rounding per addition
    }
    std::vector<float> expected;
    for (const int threads : {1, 2, 3}) {
      std::vector<float> db = start;
      MakeCpuOps(threads)->ColumnSum(dy.view(), VectorTensor(db));
      ExpectNear(ToDouble(db), want, bound, absl::StrCat("db of ", tokens));
      if (threads == 1) expected = db;
      ExpectSameBits(db, expected, "threads");
    }
  }
}

R1_INSTANTIATE_ON_EVERY_TARGET(WeightGradientTest);

}  // namespace
}  // namespace r1
