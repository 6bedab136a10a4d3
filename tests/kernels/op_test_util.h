// Data, comparison and SIMD targets for the tests of CPU ops.
#ifndef R1_TESTS_KERNELS_OP_TEST_UTIL_H_
#define R1_TESTS_KERNELS_OP_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/philox.h"
#include "hwy/targets.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"

namespace r1 {

// Unit roundoff of float: one operation errs by at most kRound * |result|.
inline constexpr double kRound = 0x1p-24;

// A matrix whose rows are farther apart than its columns need; the gaps hold a
// pattern that no op may change.
class TestMatrix {
 public:
  // Standard normal elements.
  TestMatrix(int64_t rows, int64_t cols, uint32_t seed, int64_t gap = 3)
      : rows_(rows), cols_(cols), stride_(cols + gap) {
    data_.assign(rows * stride_ + gap, kGap);
    RandomSequence random(seed, RandomStream::kData, rows, cols);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) at(r, c) = random.NextNormal();
    }
  }

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  float& at(int64_t r, int64_t c) { return data_[r * stride_ + c]; }
  float at(int64_t r, int64_t c) const { return data_[r * stride_ + c]; }
  Mat view() { return {data_.data(), rows_, cols_, stride_}; }
  ConstMat view() const { return {data_.data(), rows_, cols_, stride_}; }

  // The elements, row after row, without gaps.
  std::vector<double> Doubles() const {
    std::vector<double> out;
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t c = 0; c < cols_; ++c) out.push_back(at(r, c));
    }
    return out;
  }

  bool GapsAreIntact() const {
    for (int64_t i = 0; i < data_.size(); ++i) {
      const bool is_gap = i >= rows_ * stride_ || i % stride_ >= cols_;
      if (is_gap && data_[i] != kGap) return false;
    }
    return true;
  }

 private:
  static constexpr float kGap = 12345.5f;
  int64_t rows_, cols_, stride_;
  std::vector<float> data_;
};

inline std::vector<float> RandomVector(int64_t n, uint32_t seed) {
  TestMatrix m(1, n, seed, 0);
  return {m.view().data, m.view().data + n};
}

inline std::vector<double> ToDouble(absl::Span<const float> x) {
  return {x.begin(), x.end()};
}

// Compares element by element: |got - want| <= bound. Fails with the worst
// coordinate.
inline void ExpectNear(const std::vector<double>& got,
                       const std::vector<double>& want,
                       const std::vector<double>& bound,
                       const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  ASSERT_EQ(got.size(), bound.size()) << what;
  int64_t worst = -1;
  double worst_ratio = 1;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - want[i]);
    const double ratio = error == 0 ? 0 : error / bound[i];
    if (!(ratio <= worst_ratio)) {
      worst = i;
      worst_ratio = ratio;
      if (std::isnan(ratio)) break;
    }
  }
  EXPECT_EQ(worst, -1) << what << ": element " << worst << " is " << got[worst]
                       << ", expected " << want[worst] << " within "
                       << bound[worst];
}

inline void ExpectSameBits(absl::Span<const float> a, absl::Span<const float> b,
                           const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (int64_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(std::memcmp(&a[i], &b[i], sizeof(float)), 0)
        << what << ": element " << i << ": " << a[i] << " and " << b[i];
  }
}

inline void ExpectSameBits(const TestMatrix& a, const TestMatrix& b,
                           const std::string& what) {
  ASSERT_EQ(a.rows(), b.rows()) << what;
  for (int64_t r = 0; r < a.rows(); ++r) {
    ExpectSameBits(absl::MakeConstSpan(a.view().Row(r), a.cols()),
                   absl::MakeConstSpan(b.view().Row(r), b.cols()), what);
  }
}

// Gradient of loss(x) by central differences with steps of 2^-13. In double,
// for values around 1, the step leaves an error near step^2 = 2^-26 from the
// third derivative and 2^-53 / step = 2^-40 from rounding.
inline std::vector<double> FiniteDifferences(
    std::vector<double> x,
    const std::function<double(const std::vector<double>&)>& loss) {
  constexpr double kStep = 0x1p-13;
  std::vector<double> gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double saved = x[i];
    x[i] = saved + kStep;
    const double up = loss(x);
    x[i] = saved - kStep;
    const double down = loss(x);
    x[i] = saved;
    gradient[i] = (up - down) / (2 * kStep);
  }
  return gradient;
}

inline double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Tests run once for every SIMD target that is compiled and that this CPU has.
class OnEveryTarget : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { UseTargets(GetParam()); }
  void TearDown() override { UseTargets(0); }

 private:
  static void UseTargets(int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().DeInit();
  }
};

inline std::string TargetTestName(const testing::TestParamInfo<int64_t>& info) {
  return hwy::TargetName(info.param);
}

#define R1_INSTANTIATE_ON_EVERY_TARGET(suite)                                 \
  INSTANTIATE_TEST_SUITE_P(                                                   \
      Targets, suite, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()), \
      TargetTestName)

}  // namespace r1

#endif  // R1_TESTS_KERNELS_OP_TEST_UTIL_H_
