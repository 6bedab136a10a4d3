// Non-owning typed view of a row-major matrix.
#ifndef R1_KERNELS_MATRIX_H_
#define R1_KERNELS_MATRIX_H_

#include <cstdint>
#include <type_traits>

namespace r1 {

// Element (r, c) is data[r * stride + c]; stride >= cols counts elements.
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

}  // namespace r1

#endif  // R1_KERNELS_MATRIX_H_
