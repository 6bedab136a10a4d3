// Draws tokens from logits by inverting the cumulative distribution.
#ifndef R1_KERNELS_CPU_SAMPLE_H_
#define R1_KERNELS_CPU_SAMPLE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::Sample.
void Sample(ThreadPool& pool, CpuScratch& scratch, Mat logits,
            absl::Span<const SampleRequest> requests,
            absl::Span<int32_t> tokens, absl::Span<float> logprobs);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_SAMPLE_H_
