#include "tests/reference/rms_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/elementwise.h"
#include "tests/kernels/cuda/device_test_util.h"

namespace r1::cuda {
namespace {

constexpr float kEps = 1e-6f;

struct NormShape {
  int64_t tokens;
  int groups;
  int64_t size, gap;  // D
};
// Chunks of a warp and, above 256 columns, of a block.
#if defined(__SANITIZE_THREAD__)
constexpr NormShape kNormShapes[] = {
    {5, 3, 31, 0}, {2, 8, 128, 4}, {3, 1, 257, 0}};
#else
constexpr NormShape kNormShapes[] = {
    {1, 1, 1, 0},   {1, 1, 33, 3},   {5, 3, 31, 0},
    {33, 7, 64, 0}, {3, 8, 128, 4},  {65, 1, 257, 0},
    {4, 1, 896, 0}, {2, 1, 1001, 3}, {0, 2, 8, 0}};
#endif

std::string NormName(const NormShape& s) {
  return absl::StrCat("T ", s.tokens, ", groups ", s.groups, ", D ", s.size);
}

struct NormFormats {
  DType in, out;
};
constexpr NormFormats kPairs[] = {{DType::kF32, DType::kBF16},
                                  {DType::kF32, DType::kF32},
                                  {DType::kBF16, DType::kBF16}};

// Relative error of 1 / sqrt(mean(x^2) + eps): n positive terms, each rounded
// at most twice, give 2 n rounds; the square root halves them; division, eps,
// root and reciprocal add one each.
double RmsRounds(int64_t size) { return static_cast<double>(size) + 4; }

std::vector<float> Forward(TestDevice& device, const NormShape& s,
                           const NormFormats& formats,
                           const std::vector<float>& x,
                           const std::vector<float>& w) {
  const int64_t cols = s.groups * s.size, rows = x.size() / cols;
  const DeviceMatrix in(device, rows, cols, formats.in, x, s.gap);
  const DeviceMatrix weight(device, 1, s.size, DType::kF32, w);
  const DeviceMatrix out(device, rows, cols, formats.out, s.gap);
  RmsNormForward(in.view(), weight.view(), s.groups, kEps, out.view(),
                 *device.stream);
  return out.Read();
}

TEST(CudaRmsNorm, ForwardMatchesTheOracle) {
  for (const NormShape& s : kNormShapes) {
    for (const NormFormats& formats : kPairs) {
      const int64_t cols = s.groups * s.size;
      const auto x = Rounded(RandomVector(s.tokens * cols, 1), formats.in);
      const auto w = RandomVector(s.size, 2);
      const auto got = InEveryOrder([&](TestDevice& device) {
        return Forward(device, s, formats, x, w);
      });
      const auto want =
          reference::GroupedRmsNorm(ToDouble(x), ToDouble(w), kEps);
      std::vector<double> bound;
      for (const double value : want) {  // two more products, one rounding
        bound.push_back(((RmsRounds(s.size) + 2) * kRound +
                         (formats.out == DType::kBF16 ? kRoundBf16 : 0)) *
                        1.001 * std::abs(value));
      }
      ExpectNear(ToDouble(got), want, bound, NormName(s));
      TestDevice& device = SharedDevice();
      for (int64_t t = 0; t < s.tokens; t += 7) {
        ExpectSameBits(Forward(device, s, formats, RowsOf(x, cols, t, 1), w),
                       RowsOf(got, cols, t, 1),
                       absl::StrCat("row alone, ", NormName(s)));
      }
    }
  }
}

TEST(CudaRmsNorm, TheOutputMayBeTheInput) {
  TestDevice& device = SharedDevice();
  for (const NormShape& s : {NormShape{5, 3, 64, 0}, NormShape{3, 1, 900, 0}}) {
    const auto x = RandomVector(s.tokens * s.groups * s.size, 3);
    const auto w = RandomVector(s.size, 4);
    for (const DType dtype : kFormats) {
      const DeviceMatrix in_place(device, s.tokens, s.groups * s.size, dtype,
                                  x);
      const DeviceMatrix weight(device, 1, s.size, DType::kF32, w);
      RmsNormForward(in_place.view(), weight.view(), s.groups, kEps,
                     in_place.view(), *device.stream);
      ExpectSameBits(in_place.Read(), Forward(device, s, {dtype, dtype}, x, w),
                     NormName(s));
    }
  }
}

struct BackwardCase {
  NormShape shape;
  std::vector<float> x, w, dy, dx, dw;
};

// dx, then dw.
std::vector<float> Backward(TestDevice& device, const BackwardCase& c,
                            DType activations, DType gradients, Store store,
                            bool in_place, bool with_dw) {
  const NormShape& s = c.shape;
  const int64_t cols = s.groups * s.size, rows = c.x.size() / cols;
  const DeviceMatrix x(device, rows, cols, activations, c.x, s.gap);
  const DeviceMatrix w(device, 1, s.size, DType::kF32, c.w);
  const DeviceMatrix dy(device, rows, cols, gradients, c.dy, s.gap);
  const DeviceMatrix dx(device, rows, cols, gradients, c.dx, s.gap);
  const DeviceMatrix dw(device, 1, s.size, DType::kF32, c.dw);
  const DeviceMatrix scratch(device, Partials(rows * s.groups), s.size);
  const DeviceMatrix& out = in_place ? dy : dx;
  RmsNormBackward(x.view(), w.view(), s.groups, kEps, dy.view(), store,
                  out.view(), with_dw ? dw.view() : Tensor(), scratch.view(),
                  *device.stream);
  return out.Read() + dw.Read();
}

// The gradient in double: dx = w dy r - x r^3 / D sum(dy w x), and
// dw = sum over rows and groups of dy x r; and the magnitudes of its terms.
struct Gradient {
  std::vector<double> dx, dw, dx_terms, dw_terms;
};
Gradient GradientOf(const BackwardCase& c) {
  const int64_t size = c.shape.size;
  Gradient g;
  g.dw.assign(size, 0);
  g.dw_terms.assign(size, 0);
  for (size_t begin = 0; begin < c.x.size(); begin += size) {
    double mean = 0, dot = 0, magnitude = 0;
    for (int64_t i = 0; i < size; ++i) {
      const double term = double{c.dy[begin + i]} * c.w[i] * c.x[begin + i];
      mean += double{c.x[begin + i]} * c.x[begin + i] / size;
      dot += term;
      magnitude += std::abs(term);
    }
    const double r = 1 / std::sqrt(mean + kEps);
    for (int64_t i = 0; i < size; ++i) {
      const double direct = double{c.w[i]} * c.dy[begin + i] * r;
      const double projected = c.x[begin + i] * r * r * r / size;
      g.dx.push_back(direct - projected * dot);
      g.dx_terms.push_back(std::abs(direct) + std::abs(projected) * magnitude);
      g.dw[i] += c.dy[begin + i] * c.x[begin + i] * r;
      g.dw_terms[i] += std::abs(c.dy[begin + i] * c.x[begin + i] * r);
    }
  }
  return g;
}

BackwardCase MakeCase(const NormShape& s, DType activations, DType gradients) {
  const int64_t count = s.tokens * s.groups * s.size;
  return {s,
          Rounded(RandomVector(count, 5), activations),
          RandomVector(s.size, 6),
          Rounded(RandomVector(count, 7), gradients),
          Rounded(RandomVector(count, 8), gradients),
          RandomVector(s.size, 9)};
}

// The oracle's gradient is that of GroupedRmsNorm.
TEST(CudaRmsNorm, TheOracleIsTheGradient) {
  const BackwardCase c = MakeCase({3, 2, 16, 0}, DType::kF32, DType::kF32);
  const auto numeric =
      FiniteDifferences(ToDouble(c.x), [&](const std::vector<double>& x) {
        return Dot(ToDouble(c.dy),
                   reference::GroupedRmsNorm(x, ToDouble(c.w), kEps));
      });
  const Gradient g = GradientOf(c);
  // What central differences leave: step^2 / 6 times a third derivative.
  ExpectNear(g.dx, numeric, std::vector<double>(g.dx.size(), 1e-6), "dx");
}

TEST(CudaRmsNorm, BackwardMatchesTheOracle) {
  for (const NormShape& s : kNormShapes) {
    for (const DType gradients : kFormats) {
      const DType activations = s.groups == 1 ? DType::kF32 : gradients;
      const BackwardCase c = MakeCase(s, activations, gradients);
      const Gradient g = GradientOf(c);
      for (const Store store : {Store::kAssign, Store::kAccumulate}) {
        const auto got = InEveryOrder([&](TestDevice& device) {
          return Backward(device, c, activations, gradients, store, false,
                          true);
        });
        auto want = g.dx;
        std::vector<double> bound;
        for (int64_t i = 0; i < want.size(); ++i) {
          // r^3 carries three times the rounds of r, the dot product 3 D more;
          // a few for the rest. Then one rounding of what is stored.
          bound.push_back((3 * RmsRounds(s.size) + 3 * s.size + 10) * kRound *
                          (g.dx_terms[i] + std::abs(c.dx[i])));
          if (store == Store::kAccumulate) want[i] += c.dx[i];
          bound.back() += RoundOf(gradients) * std::abs(want[i]);
        }
        for (int64_t i = 0; i < s.size; ++i) {
          want.push_back(g.dw[i] + c.dw[i]);
          bound.push_back((RmsRounds(s.size) + 2.0 * s.tokens * s.groups + 2) *
                          kRound * (g.dw_terms[i] + std::abs(c.dw[i])));
        }
        ExpectNear(ToDouble(got), want, bound, NormName(s));
        TestDevice& device = SharedDevice();
        if (store == Store::kAssign) {
          ExpectSameBits(
              Backward(device, c, activations, gradients, store, true, true),
              got, "dx is dy");
        }
        const auto without_dw =
            Backward(device, c, activations, gradients, store, false, false);
        ExpectSameBits(RowsOf(without_dw, 1, 0, c.x.size()),
                       RowsOf(got, 1, 0, c.x.size()), "without dw");
        ExpectSameBits(RowsOf(without_dw, 1, c.x.size(), s.size), c.dw,
                       "dw is left");
      }
    }
  }
}

}  // namespace
}  // namespace r1::cuda
