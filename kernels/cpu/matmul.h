// Products with weights; their layout is that of linear.h.
#ifndef R1_KERNELS_CPU_MATMUL_H_
#define R1_KERNELS_CPU_MATMUL_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

inline constexpr int kPanelOutputs = 32;

// See Ops::MatMul.
void MatMul(ThreadPool& pool, ConstMat x, const Linear& w,
            absl::Span<const float> bias, Store store, Mat y);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_MATMUL_H_
