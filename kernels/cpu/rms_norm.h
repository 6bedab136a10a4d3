// Root-mean-square normalisation of rows or of groups inside rows.
#ifndef R1_KERNELS_CPU_RMS_NORM_H_
#define R1_KERNELS_CPU_RMS_NORM_H_

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::RmsNormForward.
void RmsNormForward(ThreadPool& pool, ConstMat x, absl::Span<const float> w,
                    int groups, float eps, Mat y);

// See Ops::RmsNormBackward. Uses scratch.norm.
void RmsNormBackward(ThreadPool& pool, CpuScratch& scratch, ConstMat x,
                     absl::Span<const float> w, int groups, float eps,
                     ConstMat dy, Store store, Mat dx, absl::Span<float> dw);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_RMS_NORM_H_
