// Tensors as kernels see them, and four columns of a row at a time.
#ifndef R1_KERNELS_CUDA_VIEW_H_
#define R1_KERNELS_CUDA_VIEW_H_

#include <cstdint>

#include "base/check.h"
#include "kernels/cuda/compat.h"
#include "kernels/matrix.h"
#include "kernels/tensor.h"

namespace r1::cuda {

// A matrix in the memory of the device: element (r, c) is data[r * stride + c].
template <class T>
struct View {
  T* data;
  int64_t rows, cols, stride;
  // Whether all rows begin at a multiple of 16 bytes (8 in bf16), so that four
  // columns are one access.
  bool in_fours;

  DEV T* Row(int64_t r) const { return data + r * stride; }
  // Number of threads for one row, four columns each.
  __host__ __device__ int64_t fours() const { return (cols + 3) / 4; }
};

template <class T>
inline constexpr DType kDTypeOfElement = DType::kF32;
template <>
inline constexpr DType kDTypeOfElement<bf16> = DType::kBF16;
template <>
inline constexpr DType kDTypeOfElement<int32_t> = DType::kI32;

template <class T>
View<T> ViewOf(const Tensor& x) {
  R1_CHECK(x.empty() || x.dtype == kDTypeOfElement<T>, "dtype of a tensor");
  T* const data = static_cast<T*>(DeviceAccess::Pointer(x.at));
  const bool in_fours =
      reinterpret_cast<uintptr_t>(data) % (4 * sizeof(T)) == 0 &&
      x.stride % 4 == 0;
  return {data, x.rows, x.cols, x.stride, in_fours};
}

// Of a dense tensor, all elements in one row.
template <class T>
View<T> FlatViewOf(Tensor x) {
  if (x.is_dense()) x = {x.at, x.dtype, 1, x.count(), x.count()};
  return ViewOf<T>(x);
}

struct Four {
  float v[4];
};

template <class T>
struct alignas(4 * sizeof(T)) Packed {
  T v[4];
};

// Columns [c, c + 4) of row r; zeros past its end.
template <class T>
DEV Four Load4(const View<T>& x, int64_t r, int64_t c) {
  const auto* p = x.Row(r) + c;
  Four out;
  if (x.in_fours && c + 4 <= x.cols) {
    const auto packed =
        *reinterpret_cast<const Packed<std::remove_const_t<T>>*>(p);
#pragma unroll
    for (int i = 0; i < 4; ++i) out.v[i] = ToFloat(packed.v[i]);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      out.v[i] = c + i < x.cols ? ToFloat(p[i]) : 0.0f;
    }
  }
  return out;
}

// Rounds to T.
template <class T>
DEV void Store4(const Four& values, const View<T>& y, int64_t r, int64_t c) {
  T* const p = y.Row(r) + c;
  if (y.in_fours && c + 4 <= y.cols) {
    Packed<T> packed;
#pragma unroll
    for (int i = 0; i < 4; ++i) packed.v[i] = FromFloat<T>(values.v[i]);
    *reinterpret_cast<Packed<T>*>(p) = packed;
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (c + i < y.cols) p[i] = FromFloat<T>(values.v[i]);
    }
  }
}

// Threads of a block of the elementwise kernels.
inline constexpr int kThreads = 256;

// Blocks for this many threads.
inline int64_t BlocksFor(int64_t threads) {
  return (threads + kThreads - 1) / kThreads;
}
// This thread's number among those of the grid.
DEV int64_t ThreadOfGrid() {
  return int64_t{blockIdx.x} * kThreads + threadIdx.x;
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_VIEW_H_
