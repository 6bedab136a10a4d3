// Products of matrices: a block computes a tile [BM, BN] of the output, and
// copies the operands to shared memory in stages of 64 steps of k.
#ifndef R1_KERNELS_CUDA_GEMM_CUH_
#define R1_KERNELS_CUDA_GEMM_CUH_

#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/view.h"

namespace r1::cuda {

// A bf16 matrix; element (r, c) is data[r * stride + c].
struct Bf16Matrix {
  const bf16* data;
  int64_t stride;
};

// y [m, n] = bias or start + a b, where the sum has k terms in chains of
// `chunk`, a multiple of 64.
struct GemmArgs {
  Bf16Matrix a, b;
  int m, n, k;
  int chunk;
  const float* bias;   // [n] or null
  const float* start;  // [m, n] or null; may be y
  int64_t start_stride;
  void* y;
  int64_t y_stride;
};

inline constexpr int kStageDepth = 64;

// WM x WN warps share the tile.
template <int BM_, int BN_, int WM, int WN, int STAGES>
struct GemmTile {
  static constexpr int BM = BM_, BN = BN_;
  static constexpr int kThreads = WM * WN * 32, kStages = STAGES;
  static constexpr int MI = BM / WM / 16, NI = BN / WN / 8;
  static constexpr int kStage = (BM + BN) * kStageDepth;
  static constexpr int kSharedBytes = STAGES * kStage * 2;
  static_assert(NI % 2 == 0 && MI >= 1);
  // First row and column of the thread's warp within the tile.
  static DEV int Row() { return threadIdx.x / 32 / WN * (BM / WM); }
  static DEV int Col() { return threadIdx.x / 32 % WN * (BN / WN); }
};
using Rows16 = GemmTile<16, 128, 1, 8, 6>;
using Rows64 = GemmTile<64, 128, 2, 4, 4>;
using Rows128 = GemmTile<128, 128, 2, 4, 4>;

// Copies one operand's part of a stage: [ROWS, 64] from a matrix [rows, depth],
// or [64, ROWS] from a matrix [depth, rows] if it is transposed.
template <bool kTransposed, int ROWS, int THREADS>
DEV void LoadStage(bf16* tile, const Bf16Matrix& from, int row, int rows, int k,
                   int k_end) {
  if constexpr (kTransposed) {
    LoadTile<kStageDepth, ROWS, THREADS>(tile, from.data, from.stride, k, k_end,
                                         row, rows);
  } else {
    LoadTile<ROWS, kStageDepth, THREADS>(tile, from.data, from.stride, row,
                                         rows, k, k_end);
  }
}

// Adds steps [k_begin, k_end) of the tile at (m0, n0) to `sums`; calls
// end_chunk() after every p.chunk of them. The loop over chunks is the outer
// one: a test inside would keep both sets of sums alive in registers at once
// with their copies.
template <class T, bool kTransA, bool kTransB, class EndChunk>
DEV void MultiplyTile(bf16* shared, const GemmArgs& p, int m0, int n0,
                      int k_begin, int k_end, float (&sums)[T::MI][T::NI][4],
                      EndChunk end_chunk) {
  constexpr int kColsA = kTransA ? T::BM : kStageDepth;
  constexpr int kColsB = kTransB ? T::BN : kStageDepth;
  const int stages = (k_end - k_begin + kStageDepth - 1) / kStageDepth;
  const int per_chunk = p.chunk / kStageDepth;
  const int row = T::Row(), col = T::Col();
  auto fetch = [&](int stage) {
    bf16* const to = shared + stage % T::kStages * T::kStage;
    const int k = k_begin + stage * kStageDepth;
    LoadStage<kTransA, T::BM, T::kThreads>(to, p.a, m0, p.m, k, k_end);
    LoadStage<kTransB, T::BN, T::kThreads>(to + T::BM * kStageDepth, p.b, n0,
                                           p.n, k, k_end);
  };
#pragma unroll
  for (int s = 0; s < T::kStages - 1; ++s) {
    if (s < stages) fetch(s);
    cp_async_commit();
  }
  for (int stage = 0; stage < stages;) {
    const int left = stages - stage;
    const int end = stage + (per_chunk < left ? per_chunk : left);
    for (; stage < end; ++stage) {
      cp_async_wait<T::kStages - 2>();
      __syncthreads();  // all threads' copies are in, and all have left the
                        // stage that is fetched now
      if (stage + T::kStages - 1 < stages) fetch(stage + T::kStages - 1);
      cp_async_commit();
      const bf16* const tile_a = shared + stage % T::kStages * T::kStage;
      const bf16* const tile_b = tile_a + T::BM * kStageDepth;
#pragma unroll
      for (int k16 = 0; k16 < kStageDepth / 16; ++k16) {
        uint32_t a[T::MI][4], b[T::NI][2];
#pragma unroll
        for (int i = 0; i < T::MI; ++i) {
          LoadA<kTransA, kColsA>(a[i], tile_a, row + i * 16, k16);
        }
        LoadB<kTransB, kColsB>(b, tile_b, col, k16);
        mma_tiles<T::MI, T::NI>(sums, a, b);
      }
    }
    end_chunk();
  }
}

// The output (m, n) and its right neighbour from their sums.
template <class Out>
DEV void StoreOutputs(const GemmArgs& p, int m, int n, float v0, float v1) {
  if (m >= p.m || n >= p.n) return;
  const bool has_second = n + 1 < p.n;
  if (p.bias != nullptr) {
    v0 = __fadd_rn(v0, p.bias[n]);
    if (has_second) v1 = __fadd_rn(v1, p.bias[n + 1]);
  }
  if (p.start != nullptr) {
    const float* const start = p.start + m * p.start_stride + n;
    v0 = __fadd_rn(start[0], v0);
    if (has_second) v1 = __fadd_rn(start[1], v1);
  }
  StorePair(static_cast<Out*>(p.y) + m * p.y_stride + n, v0, v1, has_second);
}

// total = the sums of the tile at (m0, n0), chunk by chunk. -0 + x = x for
// every x, so that the first chunk needs no case of its own.
template <class T>
DEV void ForwardTile(bf16* shared, const GemmArgs& p, int m0, int n0,
                     float (&total)[T::MI][T::NI][4]) {
  float sums[T::MI][T::NI][4];
  FillSums(sums, 0.0f);
  FillSums(total, -0.0f);
  MultiplyTile<T, false, false>(shared, p, m0, n0, 0, p.k, sums, [&] {
#pragma unroll
    for (int i = 0; i < T::MI; ++i) {
#pragma unroll
      for (int j = 0; j < T::NI; ++j) {
#pragma unroll
        for (int q = 0; q < 4; ++q) {
          total[i][j][q] = __fadd_rn(total[i][j][q], sums[i][j][q]);
          sums[i][j][q] = 0.0f;
        }
      }
    }
  });
}

// A block computes all chunks of its tile.
template <class T, class Out>
__global__ void __launch_bounds__(T::kThreads, 1)
    ForwardKernel(const GemmArgs p) {
  DYNAMIC_SHARED(bf16, shared);
  const int m0 = blockIdx.y * T::BM, n0 = blockIdx.x * T::BN;
  float total[T::MI][T::NI][4];
  ForwardTile<T>(shared, p, m0, n0, total);
  const int m = m0 + T::Row(), n = n0 + T::Col();
  ForEachPair<T::MI, T::NI>([&](int i, int j, int half, int row, int col) {
    StoreOutputs<Out>(p, m + row, n + col, total[i][j][half * 2],
                      total[i][j][half * 2 + 1]);
  });
}

// Blocks of another blockIdx.z compute other chunks: partials
// [chunks, m, n] in p.y.
template <class T>
__global__ void __launch_bounds__(T::kThreads, 1)
    ChunkKernel(const GemmArgs p) {
  DYNAMIC_SHARED(bf16, shared);
  const int m0 = blockIdx.y * T::BM, n0 = blockIdx.x * T::BN;
  const int k_begin = blockIdx.z * p.chunk;
  const int k_end = k_begin + p.chunk < p.k ? k_begin + p.chunk : p.k;
  float sums[T::MI][T::NI][4];
  FillSums(sums, 0.0f);
  MultiplyTile<T, false, false>(shared, p, m0, n0, k_begin, k_end, sums, [] {});
  float* const y = static_cast<float*>(p.y) + int64_t{blockIdx.z} * p.m * p.n;
  const int m = m0 + T::Row(), n = n0 + T::Col();
  ForEachPair<T::MI, T::NI>([&](int i, int j, int half, int row, int col) {
    if (m + row >= p.m || n + col >= p.n) return;
    StorePair(y + int64_t{m + row} * p.n + n + col, sums[i][j][half * 2],
              sums[i][j][half * 2 + 1], n + col + 1 < p.n);
  });
}

// Adds the partials of the chunks, ascending: what ForwardKernel does in
// registers. One thread for one output.
template <class Out>
__global__ void __launch_bounds__(kThreads)
    AddChunksKernel(const GemmArgs p, const float* partials, int chunks) {
  const int64_t count = int64_t{p.m} * p.n;
  const int64_t i = ThreadOfGrid();
  if (i >= count) return;
  float sum = partials[i];
  for (int c = 1; c < chunks; ++c) {
    sum = __fadd_rn(sum, partials[c * count + i]);
  }
  const int64_t m = i / p.n, n = i % p.n;
  if (p.bias != nullptr) sum = __fadd_rn(sum, p.bias[n]);
  if (p.start != nullptr) {
    sum = __fadd_rn(p.start[m * p.start_stride + n], sum);
  }
  static_cast<Out*>(p.y)[m * p.y_stride + n] = FromFloat<Out>(sum);
}

// One chain of steps from `start` or 0, for the backward pass.
template <class T, bool kTransA, class Out>
__global__ void __launch_bounds__(T::kThreads, 1)
    ChainKernel(const GemmArgs p) {
  DYNAMIC_SHARED(bf16, shared);
  const int m0 = blockIdx.y * T::BM, n0 = blockIdx.x * T::BN;
  const int m = m0 + T::Row(), n = n0 + T::Col();
  float sums[T::MI][T::NI][4];
  FillSums(sums, 0.0f);
  if (p.start != nullptr) {
    ForEachPair<T::MI, T::NI>([&](int i, int j, int half, int row, int col) {
      if (m + row >= p.m) return;
      const float* const from = p.start + (m + row) * p.start_stride + n + col;
      if (n + col < p.n) sums[i][j][half * 2] = from[0];
      if (n + col + 1 < p.n) sums[i][j][half * 2 + 1] = from[1];
    });
  }
  MultiplyTile<T, kTransA, true>(shared, p, m0, n0, 0, p.k, sums, [] {});
  ForEachPair<T::MI, T::NI>([&](int i, int j, int half, int row, int col) {
    if (m + row >= p.m || n + col >= p.n) return;
    StorePair(static_cast<Out*>(p.y) + (m + row) * p.y_stride + n + col,
              sums[i][j][half * 2], sums[i][j][half * 2 + 1],
              n + col + 1 < p.n);
  });
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_GEMM_CUH_
