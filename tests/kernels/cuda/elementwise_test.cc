// Rotary embedding, SwiGLU, AdamW and the sum of squares.
#include "tests/reference/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/order.h"
#include "tests/kernels/cuda/device_test_util.h"

namespace r1::cuda {
namespace {

struct RopeShape {
  int64_t tokens;
  int heads;
  int64_t size, gap;
};

std::vector<float> Angles(int64_t positions, int64_t size) {
  std::vector<float> table(positions * size);
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t i = 0; i < size / 2; ++i) {
      const double angle = p * std::pow(100.0, -2.0 * i / size);
      table[p * size + i] = std::cos(angle);
      table[p * size + size / 2 + i] = std::sin(angle);
    }
  }
  return table;
}

std::vector<float> Rotate(TestDevice& device, const RopeShape& s, DType dtype,
                          const std::vector<float>& x,
                          const std::vector<int32_t>& positions, bool inverse) {
  const DeviceMatrix table(device, 40, s.size, DType::kF32, Angles(40, s.size));
  const DeviceMatrix at(device, 1, positions.size(), positions);
  const DeviceMatrix y(device, positions.size(), s.heads * s.size, dtype, x,
                       s.gap);
  Rope(y.view(), s.heads, at.view(), table.view(), inverse, *device.stream);
  return y.Read();
}

TEST(CudaRope, MatchesTheOracleAndItsInverseRotatesBack) {
  for (const RopeShape& s : {RopeShape{1, 1, 2, 0}, RopeShape{5, 3, 64, 0},
                             RopeShape{7, 2, 62, 3}, RopeShape{31, 7, 128, 4},
                             RopeShape{65, 2, 34, 0}, RopeShape{0, 1, 8, 0}}) {
    for (const DType dtype : kFormats) {
      const int64_t cols = s.heads * s.size;
      const auto x = Rounded(RandomVector(s.tokens * cols, 1), dtype);
      const auto angles = Angles(40, s.size);
      std::vector<int32_t> positions(s.tokens);
      for (int64_t t = 0; t < s.tokens; ++t) positions[t] = (t * 7) % 40;
      std::vector<double> want, bound, back_bound;
      for (int64_t t = 0; t < s.tokens; ++t) {
        auto row = ToDouble(RowsOf(x, cols, t, 1));
        reference::RotateRow(row,
                             ToDouble(RowsOf(angles, s.size, positions[t], 1)));
        want.insert(want.end(), row.begin(), row.end());
        for (int64_t c = 0; c < cols; ++c) {
          const int64_t other =
              c % s.size < s.size / 2 ? c + s.size / 2 : c - s.size / 2;
          const double pair =
              std::abs(x[t * cols + c]) + std::abs(x[t * cols + other]);
          // Two products and a sum, each at most `pair`; the last rounding is
          // to dtype.
          bound.push_back((2 * kRound + RoundOf(dtype)) * 1.001 * pair);
          // Twice the error of a rotation of both, and cos^2 + sin^2 = 1 only
          // up to the rounding of the table: 4 more.
          back_bound.push_back((8 * kRound + 4 * RoundOf(dtype)) * pair);
        }
      }
      const auto got = InEveryOrder([&](TestDevice& device) {
        return Rotate(device, s, dtype, x, positions, false);
      });
      const std::string name = absl::StrCat("D ", s.size);
      ExpectNear(ToDouble(got), want, bound, name);
      TestDevice& device = SharedDevice();
      ExpectNear(ToDouble(Rotate(device, s, dtype, got, positions, true)),
                 ToDouble(x), back_bound, absl::StrCat("back, ", name));
      for (int64_t t = 0; t < s.tokens; t += 6) {
        ExpectSameBits(Rotate(device, s, dtype, RowsOf(x, cols, t, 1),
                              {positions[t]}, false),
                       RowsOf(got, cols, t, 1), "row alone");
      }
    }
  }
}

TEST(CudaRope, PaddingStaysAndMissingAnglesGiveNaN) {
  TestDevice& device = SharedDevice();
  const std::vector<float> x = RandomVector(3 * 8, 2);
  const auto got =
      Rotate(device, {3, 1, 8, 0}, DType::kF32, x, {-1, 0, 40}, false);
  ExpectSameBits(RowsOf(got, 8, 0, 2), RowsOf(x, 8, 0, 2), "position 0 and -1");
  for (int i = 16; i < 24; ++i) EXPECT_TRUE(std::isnan(got[i]));
}

// The exponential's argument is rounded: it errs by |x| log2(e) rounds, for
// |x| < 30 below 44, times ln 2; the exponential itself by 2 (the device's
// approximation, CUDA C++ Programming Guide, "Intrinsic functions": 2 ulp);
// sum, quotient and products by 5.
constexpr double kSwiGluRounds = 30 + 4 + 5;

struct SwiGluShape {
  int64_t tokens, size, gap;
};
constexpr SwiGluShape kSwiGluShapes[] = {
    {0, 5, 0}, {1, 1, 0}, {3, 33, 3}, {31, 64, 0}, {65, 12, 4}, {2, 1000, 0}};

std::vector<float> GateUp(const SwiGluShape& s) {
  auto values = RandomVector(s.tokens * 2 * s.size, 3);
  for (int64_t i = 0; i < values.size(); ++i) {
    if (i % (2 * s.size) < s.size) values[i] *= 5;
  }
  return Rounded(values, DType::kBF16);
}

std::vector<float> RunSwiGlu(TestDevice& device, const SwiGluShape& s,
                             const std::vector<float>& gate_up) {
  const int64_t rows = gate_up.size() / (2 * s.size);
  const DeviceMatrix x(device, rows, 2 * s.size, DType::kBF16, gate_up, s.gap);
  const DeviceMatrix y(device, rows, s.size, DType::kBF16, s.gap);
  SwiGluForward(x.view(), y.view(), *device.stream);
  return y.Read();
}

TEST(CudaSwiGlu, ForwardMatchesTheOracle) {
  for (const SwiGluShape& s : kSwiGluShapes) {
    const auto x = GateUp(s);
    std::vector<double> want, bound;
    for (int64_t t = 0; t < s.tokens; ++t) {
      for (int64_t c = 0; c < s.size; ++c) {
        const int64_t at = t * 2 * s.size + c;
        want.push_back(reference::SwiGlu(x[at], x[at + s.size]));
        bound.push_back((kSwiGluRounds * kRound + kRoundBf16) * 1.001 *
                        std::abs(want.back()));
      }
    }
    const auto got = InEveryOrder(
        [&](TestDevice& device) { return RunSwiGlu(device, s, x); });
    ExpectNear(ToDouble(got), want, bound, absl::StrCat("F ", s.size));
    TestDevice& device = SharedDevice();
    for (int64_t t = 0; t < s.tokens; t += 9) {
      ExpectSameBits(RunSwiGlu(device, s, RowsOf(x, 2 * s.size, t, 1)),
                     RowsOf(got, s.size, t, 1), "row alone");
    }
  }
}

// Large gates must give 0 or the gate, not NaN; NaN must stay NaN.
TEST(CudaSwiGlu, HandlesExtremeGates) {
  TestDevice& device = SharedDevice();
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto y = RunSwiGlu(device, {1, 6, 0},
                           {200, -200, 0x1p100f, -0x1p100f, inf, nan,  //
                            1, 1, 1, 1, 1, 1});
  EXPECT_EQ(RowsOf(y, 1, 0, 5), (std::vector<float>{200, 0, 0x1p100f, 0, inf}));
  EXPECT_TRUE(std::isnan(y[5]));
}

TEST(CudaSwiGlu, BackwardMatchesFiniteDifferences) {
  for (const SwiGluShape& s : kSwiGluShapes) {
    const auto x = GateUp(s);
    const auto dy = Rounded(RandomVector(s.tokens * s.size, 4), DType::kBF16);
    std::vector<double> want, bound;
    for (int64_t t = 0; t < s.tokens; ++t) {
      for (int64_t c = 0; c < 2 * s.size; ++c) {
        const int64_t at = t * 2 * s.size + c % s.size;
        const double dout = dy[t * s.size + c % s.size];
        const std::vector<double> pair = {x[at], x[at + s.size]};
        const auto gradient =
            FiniteDifferences(pair, [](const std::vector<double>& p) {
              return reference::SwiGlu(p[0], p[1]);
            });
        want.push_back(dout * gradient[c / s.size]);
        // The slope of silu is s + silu (1 - s), of terms below 1 and 0.3; the
        // difference quotient errs by step^2 / 6 times the third derivative
        // (below 1).
        const double scale = c < s.size ? std::abs(dout * pair[1]) * 1.5
                                        : std::abs(dout * gradient[1]);
        bound.push_back(kSwiGluRounds * kRound * scale +
                        kRoundBf16 * 1.001 * std::abs(want.back()) +
                        0x1p-28 * std::abs(dout * pair[1]) + 1e-11);
      }
    }
    const auto run = [&](TestDevice& device, bool in_place) {
      const DeviceMatrix in(device, s.tokens, 2 * s.size, DType::kBF16, x,
                            s.gap);
      const DeviceMatrix d(device, s.tokens, s.size, DType::kBF16, dy, s.gap);
      const DeviceMatrix out(device, s.tokens, 2 * s.size, DType::kBF16, s.gap);
      const DeviceMatrix& to = in_place ? in : out;
      SwiGluBackward(in.view(), d.view(), to.view(), *device.stream);
      return to.Read();
    };
    const auto got =
        InEveryOrder([&](TestDevice& device) { return run(device, false); });
    ExpectNear(ToDouble(got), want, bound, absl::StrCat("F ", s.size));
    TestDevice& device = SharedDevice();
    ExpectSameBits(run(device, true), got, "in place");
  }
}

// The CPU's op, which has a test against double, and the device's: the same
// operations in the same order.
TEST(CudaAdamW, HasTheBitsOfTheCpu) {
  for (const int64_t n : {1, 31, 33, 1000, 5000}) {
    auto params = RandomVector(n, 5), m = RandomVector(n, 6);
    const auto grads = RandomVector(n, 7);
    auto v = RandomVector(n, 8);
    for (float& x : v) x *= x;
    const AdamWParams step = {.learning_rate = 3e-3f,
                              .weight_decay = 0.1f,
                              .step = 3,
                              .gradient_scale = 0.37f};
    const auto got = InEveryOrder([&](TestDevice& device) {
      const DeviceMatrix p(device, 1, n, DType::kF32, params);
      const DeviceMatrix g(device, 1, n, DType::kF32, grads);
      const DeviceMatrix first(device, 1, n, DType::kF32, m);
      const DeviceMatrix second(device, 1, n, DType::kF32, v);
      AdamW(p.view(), g.view(), first.view(), second.view(), step,
            *device.stream);
      return p.Read() + first.Read() + second.Read();
    });
    std::vector<float> cpu_grads = grads;
    MakeCpuOps(1)->AdamW(VectorTensor(params), VectorTensor(cpu_grads),
                         VectorTensor(m), VectorTensor(v), step);
    ExpectSameBits(got, params + m + v, absl::StrCat("n ", n));
  }
}

std::vector<float> SumSquaresOf(TestDevice& device, std::vector<float> x) {
  const int64_t n = x.size(), blocks = SumSquaresBlocks(n);
  const DeviceMatrix in(device, 1, n, DType::kF32, x);
  const DeviceMatrix sums(device, blocks, 2);
  SumSquares(in.view(), sums.at(), *device.stream);
  return RowsOf(sums.Read(), 2, 0, 1);  // a double's two words
}
double DoubleOf(const std::vector<float>& words) {
  double value;
  std::memcpy(&value, words.data(), sizeof value);
  return value;
}

TEST(CudaSumSquares, MatchesTheOracle) {
  constexpr int64_t kBlock = kSumSquaresBlock;
  for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{33}, kBlock,
                          kBlock + 5, 7 * kBlock, 11 * kBlock - 1}) {
    const auto x = RandomVector(n, 9);
    // All terms are positive: n additions in double, here and there.
    long double want = 0;
    for (const float value : x) {
      want += static_cast<long double>(value) * value;
    }
    const auto got = InEveryOrder(
        [&](TestDevice& device) { return SumSquaresOf(device, x); });
    ExpectNear({DoubleOf(got)}, {static_cast<double>(want)},
               {static_cast<double>(want) * (n + 1) * 0x1p-53},
               absl::StrCat("n ", n));
  }
}

TEST(CudaSumSquares, NonFiniteElementsGiveANonFiniteSum) {
  for (const float bad : {std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    auto x = RandomVector(10000, 10);
    x[9000] = bad;
    TestDevice& device = SharedDevice();
    EXPECT_FALSE(std::isfinite(DoubleOf(SumSquaresOf(device, x))));
  }
}

}  // namespace
}  // namespace r1::cuda
