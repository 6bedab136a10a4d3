// Gradients of a linear layer's parameters: reductions over tokens.
#ifndef R1_KERNELS_CPU_WEIGHT_GRADIENT_H_
#define R1_KERNELS_CPU_WEIGHT_GRADIENT_H_

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::MatMulWeightGradient. Uses scratch.weight_gradient.
void MatMulWeightGradient(ThreadPool& pool, CpuScratch& scratch, ConstMat dy,
                          ConstMat x, Mat dw);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_WEIGHT_GRADIENT_H_
