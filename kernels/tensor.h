// Matrices in the memory of a device. Host code passes them on to ops; only
// kernels/ can look at their elements (kernels/matrix.h).
#ifndef R1_KERNELS_TENSOR_H_
#define R1_KERNELS_TENSOR_H_

#include <cstdint>

#include "absl/types/span.h"
#include "base/check.h"
#include "kernels/dtype.h"

namespace r1 {

// An address in the memory of a device, which the host must not follow.
class DevicePtr {
 public:
  DevicePtr() = default;

  explicit operator bool() const { return at_ != 0; }

 private:
  friend struct DeviceAccess;
  friend struct Tensor;
  explicit DevicePtr(std::uintptr_t at) : at_(at) {}

  std::uintptr_t at_ = 0;
};

// A row-major matrix that someone else owns; a vector of n elements is [1, n].
// Element (r, c) is element r * stride + c from `at`; stride >= cols.
// The default is empty: where an op says so, an argument that is left out.
struct Tensor {
  DevicePtr at;
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  bool empty() const { return rows == 0 || cols == 0; }
  int64_t count() const { return rows * cols; }
  // Whether the rows follow one another without gaps.
  bool is_dense() const { return rows <= 1 || stride == cols; }
  // Rows [begin, begin + n).
  Tensor Rows(int64_t begin, int64_t n) const {
    R1_CHECK(begin >= 0 && n >= 0 && begin + n <= rows, "rows of the tensor");
    return {Plus(begin * stride), dtype, n, cols, stride};
  }
  // Columns [begin, begin + n).
  Tensor Cols(int64_t begin, int64_t n) const {
    R1_CHECK(begin >= 0 && n >= 0 && begin + n <= cols, "cols of the tensor");
    return {Plus(begin), dtype, rows, n, stride};
  }

 private:
  DevicePtr Plus(int64_t elements) const {
    return DevicePtr(at.at_ + elements * BytesOf(dtype));
  }
};

}  // namespace r1

#endif  // R1_KERNELS_TENSOR_H_
