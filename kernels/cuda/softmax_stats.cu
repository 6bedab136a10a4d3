#include "kernels/cuda/constants.h"
#include "kernels/cuda/softmax_stats.cuh"

namespace r1::cuda {
namespace {

// A warp has a row.
__global__ void __launch_bounds__(128) FinishRowsKernel(const RowResults p) {
  const int lane = threadIdx.x % 32;
  const int row = blockIdx.x * 4 + threadIdx.x / 32;
  if (row >= p.rows) return;
  const SoftmaxStats* const stats = p.stats + int64_t{row} * p.groups;
  SoftmaxStats all = {-INFINITY, 0.0f, 0.0f};
  for (int g = lane; g < p.groups; g += 32) {
    all.max = fmaxf(all.max, stats[g].max);
  }
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    all.max = fmaxf(all.max, __shfl_xor_sync(~0u, all.max, bits));
  }
  for (int g = lane; g < p.groups; g += 32) AddStats(stats[g], &all);
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    all.sum = __fadd_rn(all.sum, __shfl_xor_sync(~0u, all.sum, bits));
    all.weighted =
        __fadd_rn(all.weighted, __shfl_xor_sync(~0u, all.weighted, bits));
  }
  if (lane != 0) return;
  const bool is_finite =
      all.max > -INFINITY && all.max < INFINITY && all.sum < INFINITY;
  const float log_sum =
      is_finite ? log2_fast(all.sum) : __uint_as_float(0x7fffffff);
  if (p.lse != nullptr) p.lse[row] = all.max + log_sum;
  if (p.logprob != nullptr) {
    p.logprob[row] = __fmul_rn((p.target_z[row] - all.max) - log_sum, kLn2);
  }
  if (p.entropy != nullptr) {
    p.entropy[row] = __fmul_rn(log_sum - all.weighted / all.sum, kLn2);
  }
}

}  // namespace

void FinishRows(const RowResults& results, Stream& stream) {
  Launch(FinishRowsKernel, GridSize((int64_t{results.rows} + 3) / 4), 128, 0,
         stream, results);
}

}  // namespace r1::cuda
