// The head on the main loop of products: an epilogue reduces a tile of logits
// to statistics, or turns it into gradients.
#ifndef R1_KERNELS_CUDA_HEAD_CUH_
#define R1_KERNELS_CUDA_HEAD_CUH_

#include "kernels/cuda/constants.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/softmax_stats.cuh"

namespace r1::cuda {

struct HeadArgs {
  GemmArgs product;    // logits [rows, ids] = h W^T; its y is not used
  float scale;         // z = scale * logit, base 2
  const int* targets;  // [rows], ids of the vocabulary
  int first_id;        // of the product's columns
};

struct HeadStatsArgs {
  HeadArgs head;
  SoftmaxStats* stats;  // [rows, groups]
  int groups;
  float* target_z;  // [rows]
};

static_assert(Rows128::BN == kGroupIds, "a tile of logits is a group");

// blockIdx: group, row tile. A warp has 32 columns of its rows: a quarter.
__global__ void __launch_bounds__(Rows128::kThreads, 1)
    HeadStatsKernel(const HeadStatsArgs args) {
  using T = Rows128;
  static_assert(T::NI * 8 * kQuarters == kGroupIds);
  const GemmArgs& p = args.head.product;
  DYNAMIC_SHARED(bf16, shared);
  const int m0 = blockIdx.y * T::BM, n0 = blockIdx.x * T::BN;
  float logits[T::MI][T::NI][4];
  ForwardTile<T>(shared, p, m0, n0, logits);
  __syncthreads();
  SoftmaxStats* const quarters = reinterpret_cast<SoftmaxStats*>(shared);
  const int lane = threadIdx.x % 32, quarter = T::Col() / (T::NI * 8);
#pragma unroll
  for (int i = 0; i < T::MI; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = T::Row() + i * 16 + half * 8 + lane / 4, m = m0 + row;
      const int target = m < p.m ? args.head.targets[m] : -1;
      float z[8];
#pragma unroll
      for (int j = 0; j < T::NI; ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int n = n0 + T::Col() + j * 8 + lane % 4 * 2 + e;
          const float value =
              __fmul_rn(logits[i][j][half * 2 + e], args.head.scale);
          z[j * 2 + e] = n < p.n ? value : -INFINITY;
          if (n < p.n && n == target) args.target_z[m] = value;
        }
      }
      const SoftmaxStats s = QuarterStats(z);
      if (lane % 4 == 0) quarters[row * kQuarters + quarter] = s;
    }
  }
  __syncthreads();
  const int row = threadIdx.x, m = m0 + row;
  if (row >= T::BM || m >= p.m) return;
  SoftmaxStats part[kQuarters];
#pragma unroll
  for (int i = 0; i < kQuarters; ++i) part[i] = quarters[row * kQuarters + i];
  args.stats[int64_t{m} * args.groups + blockIdx.x] = MergeQuarters(part);
}

struct HeadGradientArgs {
  HeadArgs head;
  float inv_temperature;
  const float *lse, *entropy;        // [rows]: base 2; nats
  const float *dlogprob, *dentropy;  // [rows]; dentropy may be null
  bf16* dlogits;                     // [rows, ids]
  int64_t stride;
};

// dlogits = inv_temperature * (dlogprob * ([id = target] - p)
//                              - dentropy * p * (log p + entropy)).
__global__ void __launch_bounds__(Rows128::kThreads, 1)
    HeadGradientKernel(const HeadGradientArgs args) {
  using T = Rows128;
  const GemmArgs& p = args.head.product;
  DYNAMIC_SHARED(bf16, shared);
  const int m0 = blockIdx.y * T::BM, n0 = blockIdx.x * T::BN;
  float logits[T::MI][T::NI][4];
  ForwardTile<T>(shared, p, m0, n0, logits);
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < T::MI; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int m = m0 + T::Row() + i * 16 + half * 8 + lane / 4;
      if (m >= p.m) continue;
      const float lse = args.lse[m], dlogprob = args.dlogprob[m];
      const float dentropy = args.dentropy == nullptr ? 0.0f : args.dentropy[m];
      const float entropy = args.dentropy == nullptr ? 0.0f : args.entropy[m];
      const int target = args.head.targets[m] - args.head.first_id;
#pragma unroll
      for (int j = 0; j < T::NI; ++j) {
        const int n = n0 + T::Col() + j * 8 + lane % 4 * 2;
        if (n >= p.n) continue;
        float g[2];
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const float logit = logits[i][j][half * 2 + e];
          const float log2_p = __fmul_rn(logit, args.head.scale) - lse;
          const float prob = exp2_fast(log2_p);
          const float hit = n + e == target ? 1.0f : 0.0f;
          const float slope = __fmul_rn(prob, __fmaf_rn(log2_p, kLn2, entropy));
          g[e] = __fmul_rn(
              args.inv_temperature,
              __fmaf_rn(-dentropy, slope, __fmul_rn(dlogprob, hit - prob)));
        }
        StorePair(args.dlogits + m * args.stride + n, g[0], g[1], n + 1 < p.n);
      }
    }
  }
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_HEAD_CUH_
