// Arguments of the kernels of products, from tensors.
#ifndef R1_KERNELS_CUDA_GEMM_ARGS_H_
#define R1_KERNELS_CUDA_GEMM_ARGS_H_

#include <algorithm>

#include "base/check.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/view.h"
#include "kernels/tensor.h"

namespace r1::cuda {

inline Bf16Matrix OperandOf(const Tensor& x) {
  const View<bf16> view = ViewOf<bf16>(x);
  R1_CHECK(reinterpret_cast<uintptr_t>(view.data) % 16 == 0 &&
               (x.rows <= 1 || x.stride % 8 == 0),
           "rows of an operand begin at multiples of 16 bytes");
  return {view.data, view.stride};
}

// The product of operands a and b whose sums have `depth` terms.
inline GemmArgs ProductArgs(const Tensor& a, const Tensor& b, int64_t depth,
                            const Tensor& start, const Tensor& y) {
  R1_CHECK(std::max({y.rows, y.cols, depth}) < int64_t{1} << 30,
           "extents of a product");
  GemmArgs p = {};
  p.a = OperandOf(a);
  p.b = OperandOf(b);
  p.m = static_cast<int>(y.rows);
  p.n = static_cast<int>(y.cols);
  p.k = static_cast<int>(depth);
  p.chunk = std::max(1, (p.k + kStageDepth - 1) / kStageDepth) * kStageDepth;
  if (!start.empty()) {
    R1_CHECK(start.rows == y.rows && start.cols == y.cols,
             "start has the shape of the result");
    const View<float> view = ViewOf<float>(start);
    p.start = view.data;
    p.start_stride = view.stride;
  }
  p.y = DeviceAccess::Pointer(y.at);
  p.y_stride = y.stride;
  return p;
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_GEMM_ARGS_H_
