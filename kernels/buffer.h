// Owned memory of one device.
#ifndef R1_KERNELS_BUFFER_H_
#define R1_KERNELS_BUFFER_H_

#include <cstdint>
#include <utility>

#include "base/check.h"
#include "kernels/device.h"
#include "kernels/tensor.h"

namespace r1 {

// Its unit are elements of four bytes. Threads: as a plain array; LiveBytes
// from any thread.
class Buffer {
 public:
  // Of no device: to be assigned to.
  Buffer() = default;
  // `count` elements, all zero.
  explicit Buffer(Device* device, int64_t count = 0);
  ~Buffer();
  Buffer(Buffer&& other) noexcept
      : device_(other.device_),
        at_(std::exchange(other.at_, DevicePtr())),
        count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(at_, other.at_);
    std::swap(count_, other.count_);
    return *this;
  }

  // Of all buffers of this process.
  static int64_t LiveBytes();

  Device* device() const { return device_; }
  DevicePtr at() const { return at_; }
  int64_t count() const { return count_; }
  // The first rows * cols elements of `dtype`; there are as many.
  Tensor Matrix(int64_t rows, int64_t cols, DType dtype = DType::kF32) const {
    R1_CHECK(rows * cols * BytesOf(dtype) <= count_ * 4,
             "the matrix lies in the buffer");
    return {at_, dtype, rows, cols, cols};
  }

  // Makes room for at least `count` elements; the content is lost if it grows.
  void Reserve(int64_t count) {
    if (count > count_) *this = Buffer(device_, count);
  }
  // A matrix there is now room for.
  Tensor Reserve(int64_t rows, int64_t cols, DType dtype = DType::kF32) {
    Reserve((rows * cols * BytesOf(dtype) + 3) / 4);
    return Matrix(rows, cols, dtype);
  }

 private:
  Device* device_ = nullptr;
  DevicePtr at_;
  int64_t count_ = 0;
};

}  // namespace r1

#endif  // R1_KERNELS_BUFFER_H_
