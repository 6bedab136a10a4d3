#include "tests/reference/rms_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/kernels/op_test_util.h"

namespace r1 {
namespace {

using RmsNormTest = OnEveryTarget;
constexpr float kEps = 1e-6f;

struct Shape {
  int64_t tokens;
  int groups;
  int64_t size;  // D
};
const Shape kShapes[] = {{1, 1, 1},  {1, 1, 33},    {5, 3, 31},   {7, 2, 16},
                         {3, 9, 64}, {100, 1, 129}, {33, 1, 576}, {0, 2, 8}};

std::string Name(const Shape& s) {
  return absl::StrCat("T ", s.tokens, ", groups ", s.groups, ", D ", s.size);
}

// Relative error of 1 / sqrt(mean(x^2) + eps): n positive terms, each rounded
// at most twice (product, addition), give 2 n rounds; the square root halves
// them; division, eps, root and reciprocal add one each.
double RmsRounds(int64_t size) { return static_cast<double>(size) + 4; }

TEST_P(RmsNormTest, ForwardMatchesTheOracle) {
  for (const Shape& s : kShapes) {
    const TestMatrix x(s.tokens, s.groups * s.size, 1);
    const std::vector<float> w = RandomVector(s.size, 2);
    TestMatrix y(s.tokens, s.groups * s.size, 3);
    MakeCpuOps(2)->RmsNormForward(x.view(), VectorTensor(w), s.groups, kEps,
                                  y.view());
    const auto want = reference::GroupedRmsNorm(x.Doubles(), ToDouble(w), kEps);
    std::vector<double> bound;
    for (const double value : want) {  // two more products
      bound.push_back((RmsRounds(s.size) + 2) * kRound * std::abs(value));
    }
    ExpectNear(y.Doubles(), want, bound, Name(s));
    EXPECT_TRUE(y.GapsAreIntact());

    TestMatrix in_place = x;
    MakeCpuOps(2)->RmsNormForward(in_place.view(), VectorTensor(w), s.groups,
                                  kEps, in_place.view());
    ExpectSameBits(in_place, y, "in place");
  }
}

TEST_P(RmsNormTest, RowsDoNotDependOnTheBatchOrTheThreads) {
  const Shape s = {70, 3, 45};
  const TestMatrix x(s.tokens, s.groups * s.size, 4);
  const std::vector<float> w = RandomVector(s.size, 5);
  TestMatrix expected(s.tokens, s.groups * s.size, 6);
  const auto one = MakeCpuOps(1);
  for (int64_t t = 0; t < s.tokens; ++t) {
    one->RmsNormForward(x.view().Rows(t, 1), VectorTensor(w), s.groups, kEps,
                        expected.view().Rows(t, 1));
  }
  // A group is normalised as if it were a row of its own.
  const Shape first = {s.tokens, 1, s.size};
  TestMatrix group(first.tokens, first.size, 7);
  one->RmsNormForward(x.view().Cols(s.size, s.size), VectorTensor(w), 1, kEps,
                      group.view());
  for (int64_t t = 0; t < s.tokens; ++t) {
    ExpectSameBits(absl::MakeConstSpan(group.view().Row(t), s.size),
                   absl::MakeConstSpan(expected.view().Row(t) + s.size, s.size),
                   "group");
  }
  for (const int threads : {1, 2, 3}) {
    TestMatrix y(s.tokens, s.groups * s.size, 8);
    MakeCpuOps(threads)->RmsNormForward(x.view(), VectorTensor(w), s.groups,
                                        kEps, y.view());
    ExpectSameBits(y, expected, absl::StrCat(threads, " threads"));
  }
}

// Bounds of the backward pass, from the magnitudes of its terms:
// dx = w dy r - x r^3 / D sum(dy w x), dw = sum over rows and groups of dy x r.
struct BackwardBounds {
  std::vector<double> dx, dw;
};

BackwardBounds BoundsOf(const Shape& s, const TestMatrix& x,
                        const std::vector<float>& w, const TestMatrix& dy) {
  BackwardBounds bounds;
  bounds.dw.assign(s.size, 0);
  const std::vector<double> xs = x.Doubles(), dys = dy.Doubles();
  for (size_t begin = 0; begin < xs.size(); begin += s.size) {
    double mean = 0, dot = 0;
    for (int64_t i = 0; i < s.size; ++i) {
      mean += xs[begin + i] * xs[begin + i] / s.size;
      dot += std::abs(dys[begin + i] * w[i] * xs[begin + i]);
    }
    const double r = 1 / std::sqrt(mean + kEps);
    for (int64_t i = 0; i < s.size; ++i) {
      const double direct = std::abs(w[i] * dys[begin + i] * r);
      const double projected =
          std::abs(xs[begin + i]) * r * r * r / s.size * dot;
      // r^3 carries three times the rounds of r; the dot product 3 D more (two
      // products and an addition per term); a few for the rest.
      bounds.dx.push_back((3 * RmsRounds(s.size) + 3 * s.size + 10) * kRound *
                          (direct + projected));
      bounds.dw[i] += std::abs(dys[begin + i] * xs[begin + i] * r);
    }
  }
  const double terms = static_cast<double>(s.tokens) * s.groups;
  for (int64_t i = 0; i < s.size; ++i) {
    bounds.dw[i] = (RmsRounds(s.size) + 2 * terms + 2) * kRound *
                   (bounds.dw[i] + 5);  // 5: dw starts below 5
  }
  return bounds;
}

TEST_P(RmsNormTest, BackwardMatchesFiniteDifferences) {
  for (const Shape& s : {Shape{1, 1, 1}, Shape{3, 2, 31}, Shape{5, 1, 33},
                         Shape{4, 3, 16}, Shape{2, 1, 70}}) {
    const int64_t cols = s.groups * s.size;
    const TestMatrix x(s.tokens, cols, 9), dy(s.tokens, cols, 10);
    const std::vector<float> w = RandomVector(s.size, 11);
    std::vector<float> dw = RandomVector(s.size, 12);
    const std::vector<float> dw_before = dw;
    TestMatrix dx(s.tokens, cols, 13);
    MakeCpuOps(2)->RmsNormBackward(x.view(), VectorTensor(w), s.groups, kEps,
                                   dy.view(), Store::kAssign, dx.view(),
                                   VectorTensor(dw));
    const BackwardBounds bounds = BoundsOf(s, x, w, dy);
    const auto loss = [&](const std::vector<double>& xs,
                          const std::vector<double>& ws) {
      return Dot(dy.Doubles(), reference::GroupedRmsNorm(xs, ws, kEps));
    };
    std::vector<double> want = FiniteDifferences(
        x.Doubles(),
        [&](const std::vector<double>& xs) { return loss(xs, ToDouble(w)); });
    // D = 1 has a third derivative of dy w eps / x^4 and is no test of the
    // formula: dx is 0 but for eps.
    std::vector<double> dx_bound = bounds.dx;
    for (double& bound : dx_bound) bound += s.size == 1 ? 1e-4 : 1e-6;
    ExpectNear(dx.Doubles(), want, dx_bound, absl::StrCat("dx, ", Name(s)));
    want = FiniteDifferences(ToDouble(w), [&](const std::vector<double>& ws) {
      return loss(x.Doubles(), ws);
    });
    for (int64_t i = 0; i < s.size; ++i) want[i] += dw_before[i];
    ExpectNear(ToDouble(dw), want, bounds.dw, absl::StrCat("dw, ", Name(s)));
    EXPECT_TRUE(dx.GapsAreIntact());
  }
}

TEST_P(RmsNormTest, BackwardAccumulatesAndWorksInPlace) {
  const Shape s = {40, 2, 50};
  const int64_t cols = s.groups * s.size;
  const TestMatrix x(s.tokens, cols, 14), dy(s.tokens, cols, 15);
  const std::vector<float> w = RandomVector(s.size, 16);
  const std::vector<float> dw_start = RandomVector(s.size, 17);
  const auto ops = MakeCpuOps(2);
  TestMatrix assigned(s.tokens, cols, 18);
  std::vector<float> dw = dw_start;
  ops->RmsNormBackward(x.view(), VectorTensor(w), s.groups, kEps, dy.view(),
                       Store::kAssign, assigned.view(), VectorTensor(dw));

  TestMatrix in_place = dy;
  std::vector<float> dw_in_place = dw_start;
  ops->RmsNormBackward(x.view(), VectorTensor(w), s.groups, kEps,
                       in_place.view(), Store::kAssign, in_place.view(),
                       VectorTensor(dw_in_place));
  ExpectSameBits(in_place, assigned, "dx in place of dy");
  ExpectSameBits(dw_in_place, dw, "dw in place of dy");

  TestMatrix accumulated(s.tokens, cols, 19);
  TestMatrix expected = accumulated;
  for (int64_t t = 0; t < s.tokens; ++t) {
    for (int64_t c = 0; c < cols; ++c) expected.at(t, c) += assigned.at(t, c);
  }
  std::vector<float> dw_again = dw_start;
  ops->RmsNormBackward(x.view(), VectorTensor(w), s.groups, kEps, dy.view(),
                       Store::kAccumulate, accumulated.view(),
                       VectorTensor(dw_again));
  ExpectSameBits(accumulated, expected, "dx accumulated");
  ExpectSameBits(dw_again, dw, "dw of the accumulating call");
}

// A norm that is not trained: the same gradient passes through it.
TEST_P(RmsNormTest, BackwardWithoutTheWeightsGradient) {
  const Shape s = {5, 2, 33};
  const int64_t cols = s.groups * s.size;
  const TestMatrix x(s.tokens, cols, 9), dy(s.tokens, cols, 10);
  const std::vector<float> w = RandomVector(s.size, 11);
  std::vector<float> dw(s.size);
  TestMatrix expected(s.tokens, cols, 13), dx(s.tokens, cols, 14);
  const auto ops = MakeCpuOps(2);
  ops->RmsNormBackward(x.view(), VectorTensor(w), s.groups, kEps, dy.view(),
                       Store::kAssign, expected.view(), VectorTensor(dw));
  ops->RmsNormBackward(x.view(), VectorTensor(w), s.groups, kEps, dy.view(),
                       Store::kAssign, dx.view(), {});
  ExpectSameBits(dx, expected, "dx");
}

TEST_P(RmsNormTest, BackwardDoesNotDependOnTheBatchOrTheThreads) {
  const Shape s = {90, 2, 50};
  const int64_t cols = s.groups * s.size;
  const TestMatrix x(s.tokens, cols, 20), dy(s.tokens, cols, 21);
  const std::vector<float> w = RandomVector(s.size, 22);
  TestMatrix expected(s.tokens, cols, 23);
  std::vector<float> dw_expected(s.size);
  for (int64_t t = 0; t < s.tokens; ++t) {
    MakeCpuOps(1)->RmsNormBackward(x.view().Rows(t, 1), VectorTensor(w),
                                   s.groups, kEps, dy.view().Rows(t, 1),
                                   Store::kAssign, expected.view().Rows(t, 1),
                                   VectorTensor(dw_expected));
  }
  for (const int threads : {1, 2, 3}) {
    TestMatrix dx(s.tokens, cols, 24);
    std::vector<float> dw(s.size);
    MakeCpuOps(threads)->RmsNormBackward(x.view(), VectorTensor(w), s.groups,
                                         kEps, dy.view(), Store::kAssign,
                                         dx.view(), VectorTensor(dw));
    ExpectSameBits(dx, expected, absl::StrCat("dx, ", threads, " threads"));
    ExpectSameBits(dw, dw_expected, absl::StrCat("dw, ", threads, " threads"));
  }
}

R1_INSTANTIATE_ON_EVERY_TARGET(RmsNormTest);

}  // namespace
}  // namespace r1
