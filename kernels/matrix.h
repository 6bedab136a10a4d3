// The elements of tensors in the memory of the host: for kernels/, and for
// tests and benchmarks, which make tensors of their own arrays.
#ifndef R1_KERNELS_MATRIX_H_
#define R1_KERNELS_MATRIX_H_

#include <cstdint>
#include <type_traits>

#include "absl/types/span.h"
#include "base/check.h"
#include "kernels/buffer.h"
#include "kernels/dtype.h"
#include "kernels/tensor.h"

namespace r1 {

// The only way from a device's address to a pointer and back.
struct DeviceAccess {
  static void* Pointer(DevicePtr at) { return reinterpret_cast<void*>(at.at_); }
  static DevicePtr Address(const void* pointer) {
    return DevicePtr(reinterpret_cast<std::uintptr_t>(pointer));
  }
};

template <typename T>
inline constexpr DType kDTypeOf = DType::kF32;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kI32;

// A tensor whose element (r, c) is data[r * stride + c].
template <typename T>
struct MatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* data, int64_t rows, int64_t cols)
      : MatrixView(data, rows, cols, cols) {}
  MatrixView(T* data, int64_t rows, int64_t cols, int64_t stride)
      : data(data), rows(rows), cols(cols), stride(stride) {}
  // A tensor is a view, and a view a tensor.
  MatrixView(const Tensor& t)
      : MatrixView(static_cast<T*>(DeviceAccess::Pointer(t.at)), t.rows, t.cols,
                   t.stride) {
    R1_CHECK(t.dtype == kDTypeOf<std::remove_const_t<T>>, "dtype of a tensor");
  }
  operator Tensor() const {
    return {DeviceAccess::Address(data), kDTypeOf<std::remove_const_t<T>>, rows,
            cols, stride};
  }

  // A view to mutable data is also a view to constant data.
  operator MatrixView<const T>() const requires(!std::is_const_v<T>) {
    return {data, rows, cols, stride};
  }

  T* Row(int64_t r) const { return data + r * stride; }
  // Rows [begin, begin + count).
  MatrixView Rows(int64_t begin, int64_t count) const {
    return {data + begin * stride, count, cols, stride};
  }
  // Columns [begin, begin + count).
  MatrixView Cols(int64_t begin, int64_t count) const {
    return {data + begin, rows, count, stride};
  }
};

using Mat = MatrixView<float>;
using ConstMat = MatrixView<const float>;
using Ids = MatrixView<const int32_t>;

inline float* FloatsOf(const Buffer& buffer) {
  return static_cast<float*>(DeviceAccess::Pointer(buffer.at()));
}

// A vector of the host as a tensor [1, n]; an empty one is an empty tensor.
inline Tensor VectorTensor(absl::Span<const float> x) {
  return ConstMat(x.data(), 1, x.size());
}
inline Tensor VectorTensor(absl::Span<const int32_t> x) {
  return Ids(x.data(), 1, x.size());
}

}  // namespace r1

#endif  // R1_KERNELS_MATRIX_H_
