// Log-probability and entropy of tokens under the vocabulary head, and their
// gradient, without ever holding the logits of a whole batch. Contract: Ops.
#ifndef R1_KERNELS_CPU_LOGPROB_H_
#define R1_KERNELS_CPU_LOGPROB_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// Rows of logits held at a time. Enough rows that streaming the head from
// memory costs less than the products, few enough that they stay in cache.
int64_t LogprobChunkRows(int64_t vocabulary);

// See Ops::LogprobForward. A row with a NaN or infinite logit gives NaN.
void LogprobForward(ThreadPool& pool, CpuScratch& scratch, ConstMat h,
                    const Linear& head, absl::Span<const int32_t> targets,
                    float inv_temperature, absl::Span<float> logprob,
                    absl::Span<float> entropy);

// See Ops::LogprobBackward. With z = inv_temperature * logits and p the
// softmax of z:
//   dlogits[v] = inv_temperature * (dlogprob * ([v == target] - p[v])
//                                   - dentropy * p[v] * (log p[v] + entropy))
void LogprobBackward(ThreadPool& pool, CpuScratch& scratch, ConstMat h,
                     const Linear& head, absl::Span<const int32_t> targets,
                     float inv_temperature, absl::Span<const float> dlogprob,
                     absl::Span<const float> dentropy, Mat dh, Mat dhead,
                     absl::Span<float> logprob, absl::Span<float> entropy);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_LOGPROB_H_
