// Statistics of a row of logits z (base 2), by groups of ids: the one place
// that fixes the order of their sums.
#ifndef R1_KERNELS_CUDA_SOFTMAX_STATS_CUH_
#define R1_KERNELS_CUDA_SOFTMAX_STATS_CUH_

#include "kernels/cuda/compat.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/order.h"

namespace r1::cuda {

// Of some ids: the largest z, and the sums of 2^(z - max) and of
// 2^(z - max) * (z - max). A NaN among the z, or +infinity, makes the sums NaN.
struct SoftmaxStats {
  float max, sum, weighted;
};

// A group's four quarters of 32 ids.
inline constexpr int kQuarters = 4;

// Of a quarter, by the four lanes of a quad: lane t holds the z of ids
// j * 8 + t * 2 + e in z[j * 2 + e]. All lanes get the result.
DEV SoftmaxStats QuarterStats(const float (&z)[8]) {
  SoftmaxStats s = {-INFINITY, 0.0f, 0.0f};
#pragma unroll
  for (int i = 0; i < 8; ++i) s.max = fmaxf(s.max, z[i]);
  s.max = fmaxf(s.max, __shfl_xor_sync(~0u, s.max, 1));
  s.max = fmaxf(s.max, __shfl_xor_sync(~0u, s.max, 2));
  const float base = s.max == -INFINITY ? 0.0f : s.max;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    float shifted = z[i] - base;
    // Makes -infinity finite, whose product with 0 is 0; keeps a NaN.
    shifted = shifted < -1e30f ? -1e30f : shifted;
    const float p = exp2_fast(shifted);
    s.sum = __fadd_rn(s.sum, p);
    s.weighted = __fmaf_rn(p, shifted, s.weighted);
  }
#pragma unroll
  for (int bits = 1; bits <= 2; bits *= 2) {
    s.sum = __fadd_rn(s.sum, __shfl_xor_sync(~0u, s.sum, bits));
    s.weighted = __fadd_rn(s.weighted, __shfl_xor_sync(~0u, s.weighted, bits));
  }
  return s;
}

// Adds `part` to sums that count from all->max, which is no less than its own.
DEV void AddStats(const SoftmaxStats& part, SoftmaxStats* all) {
  const bool is_empty = part.max == -INFINITY;
  const float shift = is_empty ? 0.0f : part.max - all->max;
  const float factor = is_empty ? 0.0f : exp2_fast(shift);
  const float sum = __fmul_rn(part.sum, factor);
  all->sum = __fadd_rn(all->sum, sum);
  all->weighted = __fadd_rn(
      all->weighted, __fmaf_rn(sum, shift, __fmul_rn(part.weighted, factor)));
}

// Of the quarters of a group, ascending.
DEV SoftmaxStats MergeQuarters(const SoftmaxStats (&part)[kQuarters]) {
  SoftmaxStats all = {-INFINITY, 0.0f, 0.0f};
#pragma unroll
  for (int i = 0; i < kQuarters; ++i) all.max = fmaxf(all.max, part[i].max);
#pragma unroll
  for (int i = 0; i < kQuarters; ++i) AddStats(part[i], &all);
  return all;
}

// What follows from a row's groups. All NaN if a logit is NaN or the largest is
// infinite.
struct RowResults {
  const SoftmaxStats* stats;  // [rows, groups]
  int groups;
  const float* target_z;  // [rows]
  int rows;
  float* lse;      // [rows], base 2, or null
  float* logprob;  // [rows], nats, or null
  float* entropy;  // [rows], nats, or null
};

void FinishRows(const RowResults& results, Stream& stream);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_SOFTMAX_STATS_CUH_
