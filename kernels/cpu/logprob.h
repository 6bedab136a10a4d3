// Log-probabilities and entropies of target tokens, and their gradient, with
// the logits of a bounded number of rows at a time. The products with the
// head come from kernels/cpu/matmul.h and kernels/cpu/weight_gradient.h.
#ifndef R1_KERNELS_CPU_LOGPROB_H_
#define R1_KERNELS_CPU_LOGPROB_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::LogprobForward.
void LogprobForward(ThreadPool& pool, CpuScratch& scratch, ConstMat h,
                    const PackedMatrix& head, absl::Span<const int32_t> targets,
                    float inv_temperature, absl::Span<float> logprob,
                    absl::Span<float> entropy);

// See Ops::LogprobBackward.
void LogprobBackward(ThreadPool& pool, CpuScratch& scratch, ConstMat h,
                     const PackedMatrix& head,
                     const PackedMatrix& head_backward,
                     absl::Span<const int32_t> targets, float inv_temperature,
                     absl::Span<const float> dlogprob,
                     absl::Span<const float> dentropy, Mat dh, Mat dhead,
                     absl::Span<float> logprob, absl::Span<float> entropy);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_LOGPROB_H_
