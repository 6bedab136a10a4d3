// Chooses a kernel by the formats of tensors.
#ifndef R1_KERNELS_CUDA_DISPATCH_H_
#define R1_KERNELS_CUDA_DISPATCH_H_

#include "base/check.h"
#include "kernels/cuda/compat.h"
#include "kernels/dtype.h"

namespace r1::cuda {

template <class T>
struct Format {
  using Type = T;
};

// Calls f(Format<float>()) or f(Format<bf16>()).
template <class F>
void WithFormat(DType dtype, F f) {
  R1_CHECK(dtype == DType::kF32 || dtype == DType::kBF16, "fp32 or bf16");
  dtype == DType::kF32 ? f(Format<float>()) : f(Format<bf16>());
}

// f of two formats.
template <class F>
void WithFormats(DType a, DType b, F f) {
  WithFormat(a, [&](auto first) {
    WithFormat(b, [&](auto second) { f(first, second); });
  });
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_DISPATCH_H_
