// A device for tests, matrices in its memory, and the same work under several
// orders of its threads.
#ifndef R1_TESTS_KERNELS_CUDA_DEVICE_TEST_UTIL_H_
#define R1_TESTS_KERNELS_CUDA_DEVICE_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "kernels/cuda/emu/runtime.h"
#include "kernels/cuda/runtime.h"
#include "kernels/dtype.h"
#include "kernels/matrix.h"
#include "tests/kernels/op_test_util.h"

namespace r1::cuda {

// Unit roundoff of bf16, which has 8 digits.
inline constexpr double kRoundBf16 = 0x1p-8;

inline double RoundOf(DType dtype) {
  return dtype == DType::kBF16 ? kRoundBf16 : kRound;
}

#if defined(R1_CUDA_NATIVE)
// The first real device, which has an order of threads of its own.
inline std::unique_ptr<Runtime> OpenForTest(uint64_t) {
  auto runtime = OpenRuntime(0);
  R1_CHECK(runtime.ok(), "a device that opened once");
  return *std::move(runtime);
}
inline void SetSeedForTest(uint64_t, Runtime&) {}

// Skips all tests where there is none.
class NeedsDevice : public testing::Environment {
 public:
  void SetUp() override {
    const auto runtime = OpenRuntime(0);
    if (!runtime.ok()) {
      GTEST_SKIP() << "needs a CUDA device: " << runtime.status();
    }
  }
};
inline testing::Environment* const needs_device =
    testing::AddGlobalTestEnvironment(new NeedsDevice);
#else
inline std::unique_ptr<Runtime> OpenForTest(uint64_t seed) {
  return emu::OpenRuntime({.host_threads = 2, .seed = seed});
}
inline void SetSeedForTest(uint64_t seed, Runtime& runtime) {
  emu::SetSeed(seed, runtime);
}
#endif

struct TestDevice {
  explicit TestDevice(uint64_t seed = 0)
      : runtime(OpenForTest(seed)), stream(runtime->MakeStream()) {}

  // Waits; fails the test on an error of the device.
  void Finish() {
    const absl::Status status = runtime->Synchronize(*stream);
    EXPECT_TRUE(status.ok()) << status;
    const absl::Status memory = runtime->CheckMemory();
    EXPECT_TRUE(memory.ok()) << memory;
  }

  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<Stream> stream;
};

inline std::vector<float> Rounded(std::vector<float> values, DType dtype) {
  if (dtype == DType::kBF16) {
    for (float& x : values) x = FromBf16(ToBf16(x));
  }
  return values;
}

// A matrix in the memory of a device; all of it is NaN at first, and what lies
// between its rows must stay so.
class DeviceMatrix {
 public:
  DeviceMatrix(TestDevice& device, int64_t rows, int64_t cols,
               DType dtype = DType::kF32, int64_t gap = 0)
      : device_(device),
        rows_(rows),
        cols_(cols),
        stride_(cols + gap),
        dtype_(dtype) {
    auto memory = device.runtime->Allocate(rows * stride_ * BytesOf(dtype));
    R1_CHECK(memory.ok(), "memory for a test");
    memory_ = *std::move(memory);
    const std::vector<char> nan(memory_->bytes(), '\xff');
    device.runtime->CopyToDevice(nan.data(), memory_->at(), nan.size(),
                                 *device.stream);
    device.Finish();
  }
  // With the given elements, row after row, rounded to dtype.
  DeviceMatrix(TestDevice& device, int64_t rows, int64_t cols, DType dtype,
               absl::Span<const float> values, int64_t gap = 0)
      : DeviceMatrix(device, rows, cols, dtype, gap) {
    R1_CHECK(values.size() == rows * cols, "elements of a matrix");
    if (values.empty()) return;
    std::vector<char> bytes = Bytes();
    for (int64_t i = 0; i < rows * cols; ++i) {
      const int64_t at = (i / cols * stride_ + i % cols) * BytesOf(dtype);
      const uint16_t half = ToBf16(values[i]);
      dtype == DType::kBF16
          ? std::memcpy(bytes.data() + at, &half, sizeof half)
          : std::memcpy(bytes.data() + at, &values[i], sizeof(float));
    }
    device.runtime->CopyToDevice(bytes.data(), memory_->at(), bytes.size(),
                                 *device.stream);
    device.Finish();
  }
  // Integers.
  DeviceMatrix(TestDevice& device, int64_t rows, int64_t cols,
               const std::vector<int32_t>& values)
      : DeviceMatrix(device, rows, cols, DType::kI32) {
    R1_CHECK(values.size() == rows * cols, "elements of a matrix");
    device.runtime->CopyToDevice(values.data(), memory_->at(),
                                 values.size() * 4, *device.stream);
    device.Finish();
  }

  Tensor view() const { return {memory_->at(), dtype_, rows_, cols_, stride_}; }
  DevicePtr at() const { return memory_->at(); }

  // Waits for the device. Row after row.
  std::vector<float> Read() const {
    const std::vector<char> bytes = Bytes();
    std::vector<float> values;
    for (int64_t i = 0; i < rows_ * stride_; ++i) {
      float value;
      if (dtype_ == DType::kBF16) {
        uint16_t half;
        std::memcpy(&half, bytes.data() + i * 2, sizeof half);
        value = FromBf16(half);
      } else {
        std::memcpy(&value, bytes.data() + i * 4, sizeof value);
      }
      if (i % stride_ < cols_) {
        values.push_back(value);
      } else {
        EXPECT_TRUE(std::isnan(value)) << "written between rows, element " << i;
      }
    }
    return values;
  }

 private:
  std::vector<char> Bytes() const {
    std::vector<char> bytes(rows_ * stride_ * BytesOf(dtype_));
    if (bytes.empty()) return bytes;
    device_.runtime->CopyToHost(memory_->at(), bytes.data(), bytes.size(),
                                *device_.stream);
    device_.Finish();
    return bytes;
  }

  TestDevice& device_;
  int64_t rows_, cols_, stride_;
  DType dtype_;
  std::unique_ptr<DeviceMemory> memory_;
};

// One device for tests that leave it as it was: its threads take time to make.
inline TestDevice& SharedDevice() {
  static auto* const device = new TestDevice();
  return *device;
}

// Orders of threads; ThreadSanitizer finds in one what others find in several.
#if defined(__SANITIZE_THREAD__)
inline constexpr uint64_t kOrders[] = {1};
#else
inline constexpr uint64_t kOrders[] = {1, 2, 3, 4};
#endif

// What `work` gives on a device: in the plain order of threads, and the same
// bits in random ones and when it is done again.
inline std::vector<float> InEveryOrder(
    const std::function<std::vector<float>(TestDevice&)>& work) {
  TestDevice& device = SharedDevice();
  const std::vector<float> expected = work(device);
  ExpectSameBits(work(device), expected, "the second time");
  for (const uint64_t seed : kOrders) {
    SetSeedForTest(seed, *device.runtime);
    ExpectSameBits(work(device), expected, absl::StrCat("order ", seed));
  }
  SetSeedForTest(0, *device.runtime);
  return expected;
}

inline std::vector<float> operator+(std::vector<float> a,
                                    const std::vector<float>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Rows [begin, begin + count) of elements of `cols` columns.
inline std::vector<float> RowsOf(const std::vector<float>& values, int64_t cols,
                                 int64_t begin, int64_t count) {
  return {values.begin() + begin * cols,
          values.begin() + (begin + count) * cols};
}

inline constexpr DType kFormats[] = {DType::kF32, DType::kBF16};

inline std::string FormatName(DType dtype) {
  return dtype == DType::kBF16 ? "bf16" : "fp32";
}

}  // namespace r1::cuda

#endif  // R1_TESTS_KERNELS_CUDA_DEVICE_TEST_UTIL_H_
