// Products with packed weights.
//
// Packed layout: panels of kPanelOutputs outputs; a panel holds, for k = 0,
// 1, …, depth - 1, its kPanelOutputs weights w[n, k] side by side. The last
// panel is padded with zero outputs.
#ifndef R1_KERNELS_CPU_MATMUL_H_
#define R1_KERNELS_CPU_MATMUL_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

inline constexpr int kPanelOutputs = 32;

// See Ops::Pack.
void Pack(ThreadPool& pool, absl::Span<const ConstMat> parts, PackOrder order,
          PackedMatrix* packed);

// See Ops::MatMul.
void MatMul(ThreadPool& pool, ConstMat x, const PackedMatrix& w,
            absl::Span<const float> bias, Store store, Mat y);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_MATMUL_H_
