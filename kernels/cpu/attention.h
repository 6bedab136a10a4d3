// Causal grouped-query attention over KV pages (Vaswani et al. 2017, eq. 1;
// Ainslie et al. 2023). Contract: Ops.
//
// The order of every reduction is fixed by the absolute index of a key, so a
// row has the same bits whether it is decoded alone, prefilled in a chunk or
// scored in a packed batch:
//   score[j]  one chain of fused multiply-adds over the channels, ascending
//   max       over all visible keys (exact in any order)
//   sum       one chain per key slot of a page (j mod kPageTokens), over the
//             pages ascending; then a fixed tree over the slots
//   out[c]    one chain over the keys, ascending; times 1 / sum last
// Keys behind a row's position are never read into a sum.
#ifndef R1_KERNELS_CPU_ATTENTION_H_
#define R1_KERNELS_CPU_ATTENTION_H_

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::AttentionForward. A NaN or infinite score gives a row of NaN.
void AttentionForward(ThreadPool& pool, CpuScratch& scratch, ConstMat q,
                      absl::Span<const SequenceRows> sequences,
                      const KvPages& cache, float scale, Mat out, Mat lse);

// See Ops::AttentionBackward. Uses scratch.attention. The probabilities are
// recomputed from `lse`.
void AttentionBackward(ThreadPool& pool, CpuScratch& scratch, ConstMat q,
                       ConstMat out, ConstMat lse, ConstMat dout,
                       absl::Span<const SequenceRows> sequences,
                       const KvPages& cache, float scale, Mat dq, Mat dk,
                       Mat dv);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_ATTENTION_H_
