// The gated activation of the feed-forward layer.
#ifndef R1_KERNELS_CPU_SWIGLU_H_
#define R1_KERNELS_CPU_SWIGLU_H_

#include "kernels/matrix.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::SwiGluForward.
void SwiGluForward(ThreadPool& pool, ConstMat gate_up, Mat y);

// See Ops::SwiGluBackward.
void SwiGluBackward(ThreadPool& pool, ConstMat gate_up, ConstMat dy,
                    Mat dgate_up);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_SWIGLU_H_
