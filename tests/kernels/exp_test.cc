// The vector exponential on every SIMD target, against libm in double.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/exp_test.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/highway.h"
#include "kernels/cpu/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// y[i] = exp(x[i]); n is a multiple of 16.
void ExpAll(const float* x, int64_t n, float* y) {
  const hn::ScalableTag<float> d;
  for (int64_t i = 0; i < n; i += hn::Lanes(d)) {
    hn::StoreU(ExpBounded(d, hn::LoadU(d, x + i)), d, y + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(ExpAll);

std::vector<float> Exp(std::vector<float> x) {
  const size_t count = x.size();
  x.resize((count + 15) / 16 * 16);
  std::vector<float> y(x.size());
  HWY_DYNAMIC_DISPATCH(ExpAll)(x.data(), x.size(), y.data());
  y.resize(count);
  return y;
}

class ExpTest : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

INSTANTIATE_TEST_SUITE_P(Targets, ExpTest,
                         testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const testing::TestParamInfo<int64_t>& info) {
                           return std::string(hwy::TargetName(info.param));
                         });

// Relative error: 4e-9 of the polynomial, 2e-9 |n| of the constant ln 2, and
// roundings of 6e-8 in the last step and, damped, before; plain C++ has no
// fused multiply-add, so that r there carries a rounding of n ln 2.
TEST_P(ExpTest, RelativeErrorIsWithinTheStatedBound) {
  std::vector<float> x;
  for (float value = -86; value <= 80; value += 1.0f / 1024) {
    x.push_back(value + 0.25f * std::sin(value));
  }
  const bool fused = GetParam() != HWY_SCALAR;
  const std::vector<float> y = Exp(x);
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] < -86) continue;
    const double want = std::exp(double{x[i]});
    double bound = std::abs(x[i]) < 10 ? 1.3e-7 : 4e-7;
    if (!fused) bound += 2 * std::abs(x[i]) * 6e-8;
    ASSERT_NEAR(y[i] / want, 1, bound) << x[i];
  }
}

TEST_P(ExpTest, EndsAreExact) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> y =
      Exp({0.0f, -0.0f, -86.5f, -1e30f, -infinity, std::nanf("")});
  EXPECT_EQ(y[0], 1.0f);
  EXPECT_EQ(y[1], 1.0f);
  EXPECT_EQ(y[2], 0.0f);
  EXPECT_EQ(y[3], 0.0f);
  EXPECT_EQ(y[4], 0.0f);
  EXPECT_TRUE(std::isnan(y[5]));
}

// No weight of a softmax exceeds that of the maximum.
TEST_P(ExpTest, NeverExceedsOneBelowZero) {
  std::vector<float> x;
  for (float value = -1e-9f; value > -1; value *= 1.01f) x.push_back(value);
  for (const float y : Exp(x)) EXPECT_LE(y, 1.0f);
}

}  // namespace
}  // namespace r1::cpu
#endif  // HWY_ONCE
