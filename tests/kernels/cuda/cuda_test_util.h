// Data, comparison and thread orders for the tests of CUDA kernels.
#ifndef R1_TESTS_KERNELS_CUDA_CUDA_TEST_UTIL_H_
#define R1_TESTS_KERNELS_CUDA_CUDA_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/philox.h"
#include "kernels/cuda/launch.h"
#include "kernels/dtype.h"

namespace r1::cuda {

// One rounding to bf16 errs by at most kBf16Round * |value|, to float by
// kFloatRound.
inline constexpr double kBf16Round = 0x1p-8;
inline constexpr double kFloatRound = 0x1p-24;

inline double ToDouble(float x) { return x; }
inline double ToDouble(int32_t x) { return x; }
inline double ToDouble(bf16 x) {
  uint16_t bits;
  std::memcpy(&bits, &x, 2);
  return FromBf16(bits);
}
inline bf16 ToBf16Value(float x) {
  const uint16_t bits = ToBf16(x);
  bf16 value;
  std::memcpy(&value, &bits, 2);
  return value;
}

// A matrix of the device whose bytes are all ones at first, which is NaN as
// float and as bf16; so are the gaps between its rows for good.
template <class T>
class DeviceMatrix {
 public:
  DeviceMatrix(int64_t rows, int64_t cols, int64_t stride)
      : rows_(rows), cols_(cols), stride_(stride) {
    const size_t bytes = rows * stride * sizeof(T) / 64 * 64 + 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_), 0xFF, bytes);
  }
  // Rows are multiples of 16 bytes.
  DeviceMatrix(int64_t rows, int64_t cols)
      : DeviceMatrix(rows, cols, (cols + 7) / 8 * 8) {}
  DeviceMatrix(DeviceMatrix&& other) noexcept { *this = std::move(other); }
  DeviceMatrix& operator=(DeviceMatrix&& other) noexcept {
    std::swap(rows_, other.rows_);
    std::swap(cols_, other.cols_);
    std::swap(stride_, other.stride_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~DeviceMatrix() { std::free(data_); }

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t stride() const { return stride_; }
  T* data() const { return data_; }
  T* Row(int64_t r) const { return data_ + r * stride_; }
  T& at(int64_t r, int64_t c) { return data_[r * stride_ + c]; }
  const T& at(int64_t r, int64_t c) const { return data_[r * stride_ + c]; }

  std::vector<double> Doubles() const {
    std::vector<double> out;
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t c = 0; c < cols_; ++c) out.push_back(ToDouble(at(r, c)));
    }
    return out;
  }
  bool GapsAreIntact() const {
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t c = cols_; c < stride_; ++c) {
        const T& gap = data_[r * stride_ + c];
        const auto* bytes = reinterpret_cast<const unsigned char*>(&gap);
        for (size_t i = 0; i < sizeof(T); ++i) {
          if (bytes[i] != 0xFF) return false;
        }
      }
    }
    return true;
  }

 private:
  int64_t rows_ = 0, cols_ = 0, stride_ = 0;
  T* data_ = nullptr;
};

// Standard normal elements times `scale`.
template <class T>
DeviceMatrix<T> RandomMatrix(int64_t rows, int64_t cols, uint32_t seed,
                             float scale = 1) {
  DeviceMatrix<T> x(rows, cols);
  RandomSequence random(seed, RandomStream::kData, rows, cols);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const float value = scale * random.NextNormal();
      if constexpr (std::is_same_v<T, bf16>) {
        x.at(r, c) = ToBf16Value(value);
      } else {
        x.at(r, c) = value;
      }
    }
  }
  return x;
}

template <class T>
DeviceMatrix<T> CopyOf(const DeviceMatrix<T>& x, int64_t begin, int64_t count) {
  DeviceMatrix<T> copy(count, x.cols(), x.stride());
  std::memcpy(static_cast<void*>(copy.data()), x.Row(begin),
              count * x.stride() * sizeof(T));
  return copy;
}
template <class T>
DeviceMatrix<T> CopyOf(const DeviceMatrix<T>& x) {
  return CopyOf(x, 0, x.rows());
}

// |got - want| <= bound, element by element; a NaN fails.
inline void ExpectWithin(const std::vector<double>& got,
                         const std::vector<double>& want,
                         const std::vector<double>& bound,
                         const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  ASSERT_EQ(got.size(), bound.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(std::abs(got[i] - want[i]) <= bound[i])
        << what << ": element " << i << " is " << got[i] << ", expected "
        << want[i] << " within " << bound[i];
  }
}

// Rows [begin, begin + b.rows()) of a have the bits of b.
template <class T>
void ExpectSameRows(const DeviceMatrix<T>& a, int64_t begin,
                    const DeviceMatrix<T>& b, const std::string& what) {
  ASSERT_EQ(a.cols(), b.cols()) << what;
  for (int64_t r = 0; r < b.rows(); ++r) {
    for (int64_t c = 0; c < b.cols(); ++c) {
      ASSERT_FALSE(std::isnan(ToDouble(b.at(r, c)))) << what << ": NaN";
      ASSERT_EQ(std::memcmp(&a.at(begin + r, c), &b.at(r, c), sizeof(T)), 0)
          << what << ": row " << begin + r << ", column " << c << ": "
          << ToDouble(a.at(begin + r, c)) << " and " << ToDouble(b.at(r, c));
    }
  }
}
template <class T>
void ExpectSameBits(const DeviceMatrix<T>& a, const DeviceMatrix<T>& b,
                    const std::string& what) {
  ASSERT_EQ(a.rows(), b.rows()) << what;
  ExpectSameRows(a, 0, b, what);
}

// The device that tests run on: one host thread, and the order in which the
// threads of a block go on; order 0 is ascending.
inline emu::GridRunner& TestRunner() {
  static emu::GridRunner runner(1);
  return runner;
}
inline uint64_t test_thread_order = 0;

// A stream of the test device; what was launched has run when the call
// returns.
inline Stream TestStream() { return {&TestRunner(), test_thread_order}; }

// Calls run(order) once for each of four orders.
template <class Fn>
void ForEachThreadOrder(Fn run) {
  for (uint64_t order = 0; order < 4; ++order) {
    test_thread_order = order;
    run(order);
  }
  test_thread_order = 0;
}

}  // namespace r1::cuda

#endif  // R1_TESTS_KERNELS_CUDA_CUDA_TEST_UTIL_H_
