// Writing keys and values into the pages of the KV cache. Contract: Ops.
#ifndef R1_KERNELS_CPU_KV_H_
#define R1_KERNELS_CPU_KV_H_

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::KvWrite. Sequences that share a page write different positions.
void KvWrite(ThreadPool& pool, ConstMat k, ConstMat v,
             absl::Span<const SequenceRows> sequences, const KvPages& cache);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_KV_H_
