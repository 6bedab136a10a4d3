// Drawing one token per row of logits. Contract: Ops.
#ifndef R1_KERNELS_CPU_SAMPLE_H_
#define R1_KERNELS_CPU_SAMPLE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::Sample. The logits are scaled by 1 / temperature computed in float:
// pass the same quotient to LogprobForward as inv_temperature.
// top_k keeps the k most likely tokens; top_p then keeps the shortest run of
// the most likely survivors whose share of the survivors' probability reaches
// top_p (at least one token). Of equally likely tokens the lower id counts as
// the likelier one.
// A row with a NaN logit, or whose largest logit is infinite, gives token 0
// and a NaN log-prob: the caller must look for NaN.
void Sample(ThreadPool& pool, CpuScratch& scratch, Mat logits,
            absl::Span<const SampleRequest> requests,
            absl::Span<int32_t> tokens, absl::Span<float> logprobs);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_SAMPLE_H_
