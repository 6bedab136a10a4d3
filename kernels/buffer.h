// Owned memory of one device, and its elements for the host. On the CPU:
// 64-byte aligned, zeroed, backed by huge pages where the system offers them.
#ifndef R1_KERNELS_BUFFER_H_
#define R1_KERNELS_BUFFER_H_

#include <cstdint>
#include <utility>

#include "absl/types/span.h"
#include "base/check.h"
#include "kernels/tensor.h"

namespace r1 {

// Threads: as a plain array; LiveBytes from any thread.
class Buffer {
 public:
  Buffer() = default;
  // `count` floats, all zero. Aborts when the system has no memory left.
  explicit Buffer(int64_t count);
  ~Buffer();
  Buffer(Buffer&& other) noexcept
      : at_(std::exchange(other.at_, DevicePtr())),
        count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(count_, other.count_);
    return *this;
  }

  // Of all buffers of this process.
  static int64_t LiveBytes();

  DevicePtr at() const { return at_; }
  int64_t count() const { return count_; }
  // The first rows * cols elements of four bytes; there are as many.
  Tensor Matrix(int64_t rows, int64_t cols, DType dtype = DType::kF32) const {
    R1_CHECK(rows * cols <= count_, "the matrix lies in the buffer");
    return {at_, dtype, rows, cols, cols};
  }

  // Makes room for at least `count` floats; the content is lost if it grows.
  void Reserve(int64_t count) {
    if (count > count_) *this = Buffer(count);
  }
  // A matrix there is now room for.
  Tensor Reserve(int64_t rows, int64_t cols, DType dtype = DType::kF32) {
    Reserve(rows * cols);
    return Matrix(rows, cols, dtype);
  }

 private:
  DevicePtr at_;
  int64_t count_ = 0;
};

// Elements [begin, begin + size) of a tensor without gaps, from and to memory
// of the host, at once; one thread.
void ReadTensor(Tensor x, int64_t begin, absl::Span<float> out);
void WriteTensor(absl::Span<const float> values, int64_t begin, Tensor x);

}  // namespace r1

#endif  // R1_KERNELS_BUFFER_H_
