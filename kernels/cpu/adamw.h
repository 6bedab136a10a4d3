// One step of AdamW.
#ifndef R1_KERNELS_CPU_ADAMW_H_
#define R1_KERNELS_CPU_ADAMW_H_

#include "absl/types/span.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::AdamW.
void AdamW(ThreadPool& pool, absl::Span<float> params,
           absl::Span<const float> grads, absl::Span<float> m,
           absl::Span<float> v, const AdamWParams& p);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_ADAMW_H_
