// Rotary position embedding, half-split layout.
#ifndef R1_KERNELS_CPU_ROPE_H_
#define R1_KERNELS_CPU_ROPE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::Rope.
void Rope(ThreadPool& pool, Mat x, int heads,
          absl::Span<const int32_t> positions, ConstMat cos_sin, bool inverse);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_ROPE_H_
