// Causal grouped-query attention over paged keys and values; contracts in
// kernels/ops.h.
#ifndef R1_KERNELS_CPU_ATTENTION_H_
#define R1_KERNELS_CPU_ATTENTION_H_

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::AttentionForward.
void AttentionForward(ThreadPool& pool, CpuScratch& scratch, ConstMat q,
                      absl::Span<const SequenceRows> sequences,
                      const KvPages& cache, float scale, Mat out, Mat lse);

// See Ops::AttentionBackward.
void AttentionBackward(ThreadPool& pool, CpuScratch& scratch, ConstMat q,
                       ConstMat out, ConstMat lse, ConstMat dout,
                       absl::Span<const SequenceRows> sequences,
                       const KvPages& cache, float scale, Mat dq, Mat dk,
                       Mat dv);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_ATTENTION_H_
