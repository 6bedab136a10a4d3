// Working memory that ops keep between calls, so that no call allocates once
// the largest batch has been seen.
#ifndef R1_KERNELS_CPU_SCRATCH_H_
#define R1_KERNELS_CPU_SCRATCH_H_

#include "kernels/buffer.h"
#include "kernels/linear.h"

namespace r1 {

// Contents are undefined at the start of every op. An op that calls another
// must not share a member with it. Threads: belongs to one Ops object.
struct CpuScratch {
  Buffer norm{CpuDevice()};             // RmsNormBackward
  Buffer weight_gradient{CpuDevice()};  // MatMulWeightGradient
  Linear transposed;                    // MatMulTransposed, LogprobBackward
  Buffer attention{CpuDevice()};        // AttentionForward, AttentionBackward
  Buffer logits{CpuDevice()};           // LogprobForward, LogprobBackward
  Buffer logprob_rows{
      CpuDevice()};  // LogprobForward, LogprobBackward: per-row values
  Buffer sample{CpuDevice()};  // Sample
};

}  // namespace r1

#endif  // R1_KERNELS_CPU_SCRATCH_H_
