// Data, comparison and thread orders for the tests of CUDA kernels.
#ifndef R1_TESTS_KERNELS_CUDA_CUDA_TEST_UTIL_H_
#define R1_TESTS_KERNELS_CUDA_CUDA_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "kernels/cuda/compat.h"
#include "kernels/cuda/emu/runtime.h"
#include "kernels/cuda/view.h"
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

// The device of a test program.
inline Runtime& TestRuntime() {
  static Runtime& runtime = *emu::OpenRuntime(emu::Options()).release();
  return runtime;
}

// Enqueues work(stream) and waits for it.
template <class Work>
void RunOnDevice(Work work) {
  static Stream& stream = *TestRuntime().MakeStream().release();
  work(stream);
  const absl::Status status = TestRuntime().Synchronize(stream);
  ASSERT_TRUE(status.ok()) << status;
}

// Calls run(order) once for each of four orders in which the threads of a block
// go on; order 0 is ascending.
template <class Fn>
void ForEachThreadOrder(Fn run) {
  for (uint64_t order = 0; order < 4; ++order) {
    emu::SetSeed(order, TestRuntime());
    run(order);
  }
  emu::SetSeed(0, TestRuntime());
}

// A matrix of the device whose bytes are all ones at first, which is NaN as
// float and as bf16; so are the gaps between its rows for good.
template <class T>
class DeviceMatrix {
 public:
  DeviceMatrix(int64_t rows, int64_t cols, int64_t stride)
      : rows_(rows),
        cols_(cols),
        stride_(stride),
        memory_(*TestRuntime().Allocate(rows * stride * sizeof(T))) {}
  // Rows are multiples of 16 bytes.
  DeviceMatrix(int64_t rows, int64_t cols)
      : DeviceMatrix(rows, cols, (cols + 7) / 8 * 8) {}

  operator Tensor() const {
    return {memory_->at(), kDTypeOfElement<T>, rows_, cols_, stride_};
  }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t stride() const { return stride_; }
  T* data() const {
    return static_cast<T*>(DeviceAccess::Pointer(memory_->at()));
  }
  T* Row(int64_t r) const { return data() + r * stride_; }
  T& at(int64_t r, int64_t c) { return data()[r * stride_ + c]; }
  const T& at(int64_t r, int64_t c) const { return data()[r * stride_ + c]; }

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
        const T& gap = data()[r * stride_ + c];
        const auto* bytes = reinterpret_cast<const unsigned char*>(&gap);
        for (size_t i = 0; i < sizeof(T); ++i) {
          if (bytes[i] != 0xFF) return false;
        }
      }
    }
    return true;
  }

 private:
  int64_t rows_, cols_, stride_;
  std::unique_ptr<DeviceMemory> memory_;
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

}  // namespace r1::cuda

#endif  // R1_TESTS_KERNELS_CUDA_CUDA_TEST_UTIL_H_
