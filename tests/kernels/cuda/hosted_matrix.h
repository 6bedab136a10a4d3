// Matrices that lie on the device and, between its runs, in memory of the host:
// for tests of kernels with many operands.
#ifndef R1_TESTS_KERNELS_CUDA_HOSTED_MATRIX_H_
#define R1_TESTS_KERNELS_CUDA_HOSTED_MATRIX_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "kernels/cuda/compat.h"
#include "kernels/dtype.h"
#include "tests/kernels/cuda/device_test_util.h"

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

// Bytes that the host and the device have, all ones at first.
class HostedBytes {
 public:
  explicit HostedBytes(int64_t bytes) : host_(bytes, '\xff') {
    auto memory = SharedDevice().runtime->Allocate(bytes);
    R1_CHECK(memory.ok(), "memory for a test");
    device_ = *std::move(memory);
    All().insert(this);
  }
  ~HostedBytes() { All().erase(this); }
  HostedBytes(const HostedBytes&) = delete;
  HostedBytes& operator=(const HostedBytes&) = delete;

  char* host() { return host_.data(); }
  DevicePtr device() const { return device_->at(); }

  static std::set<HostedBytes*>& All() {
    static auto* const all = new std::set<HostedBytes*>;
    return *all;
  }
  void Upload(TestDevice& device) {
    if (host_.empty()) return;
    device.runtime->CopyToDevice(host(), this->device(), host_.size(),
                                 *device.stream);
  }
  void Download(TestDevice& device) {
    if (host_.empty()) return;
    device.runtime->CopyToHost(this->device(), host(), host_.size(),
                               *device.stream);
  }

 private:
  std::vector<char> host_;
  std::unique_ptr<DeviceMemory> device_;
};

// Lets the device run work(stream) on what the host's matrices hold, which then
// hold what it made of them.
template <class Work>
void RunOnDevice(Work work) {
  TestDevice& device = SharedDevice();
  for (HostedBytes* bytes : HostedBytes::All()) bytes->Upload(device);
  work(*device.stream);
  for (HostedBytes* bytes : HostedBytes::All()) bytes->Download(device);
  device.Finish();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

// Of shapes to test, the first two under a sanitizer, which takes its time and
// looks for another kind of error.
template <class Shape>
std::vector<Shape> ShapesToTest(std::vector<Shape> all) {
  if (kIsSanitized && all.size() > 2) all.resize(2);
  return all;
}

// Calls run(order) for several orders in which the threads of a block go on.
template <class Fn>
void ForEachThreadOrder(Fn run) {
  for (const uint64_t order : kOrders) {
    SetSeedForTest(order, *SharedDevice().runtime);
    run(order);
    if (kIsSanitized) break;
  }
  SetSeedForTest(0, *SharedDevice().runtime);
}

// Elements are NaN at first, as floats and as bf16; the gaps between rows are
// so for good.
template <class T>
class HostedMatrix {
 public:
  HostedMatrix(int64_t rows, int64_t cols, int64_t stride)
      : rows_(rows),
        cols_(cols),
        stride_(stride),
        bytes_(std::make_unique<HostedBytes>(rows * stride * sizeof(T))) {}
  // Rows are multiples of 16 bytes.
  HostedMatrix(int64_t rows, int64_t cols)
      : HostedMatrix(rows, cols, (cols + 7) / 8 * 8) {}

  operator Tensor() const {
    return {bytes_->device(), kElementType, rows_, cols_, stride_};
  }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t stride() const { return stride_; }
  T* data() const { return reinterpret_cast<T*>(bytes_->host()); }
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
  static constexpr DType kElementType = std::is_same_v<T, bf16> ? DType::kBF16
                                        : std::is_same_v<T, float>
                                            ? DType::kF32
                                            : DType::kI32;

  int64_t rows_, cols_, stride_;
  std::unique_ptr<HostedBytes> bytes_;
};

// Standard normal elements times `scale`.
template <class T>
HostedMatrix<T> RandomMatrix(int64_t rows, int64_t cols, uint32_t seed,
                             float scale = 1) {
  HostedMatrix<T> x(rows, cols);
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
HostedMatrix<T> CopyOf(const HostedMatrix<T>& x, int64_t begin, int64_t count) {
  HostedMatrix<T> copy(count, x.cols(), x.stride());
  std::copy_n(x.Row(begin), count * x.stride(), copy.data());
  return copy;
}
template <class T>
HostedMatrix<T> CopyOf(const HostedMatrix<T>& x) {
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
void ExpectSameRows(const HostedMatrix<T>& a, int64_t begin,
                    const HostedMatrix<T>& b, const std::string& what) {
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
void ExpectSameBits(const HostedMatrix<T>& a, const HostedMatrix<T>& b,
                    const std::string& what) {
  ASSERT_EQ(a.rows(), b.rows()) << what;
  ExpectSameRows(a, 0, b, what);
}

}  // namespace r1::cuda

#endif  // R1_TESTS_KERNELS_CUDA_HOSTED_MATRIX_H_
