// Attention forward: one recurrence over the keys for decoding, chunked prefill
// and training.
//
// Keys are taken 64 at a time, with a running maximum (Milakov and Gimelshein
// 2018), inside splits of 512 keys; a row folds its splits from left to right.
// Both are counted by absolute position, and a split or a tile of which a row
// sees nothing changes no bit of it. So a row has the same bits whether blocks
// share its splits (few rows) or one block folds them (many), with any
// neighbours.
//   score  q . k in steps of 16 channels, times scale * log2(e)
//   p      2^(score - maximum), rounded to bf16 for the product with v alone
//   sum    per lane over its keys ascending, then over the four lanes of a row
#ifndef R1_KERNELS_CUDA_ATTENTION_CUH_
#define R1_KERNELS_CUDA_ATTENTION_CUH_

#include "kernels/cuda/attention_tile.cuh"

namespace r1::cuda {

// Maximum and sum of a row's exponentials, base 2.
struct RowSum {
  float max = -INFINITY;
  float sum = 0;
};

// Factors that a fold gives to what was there and to what comes.
struct FoldFactors {
  float old_part, new_part;
};

DEV FoldFactors Fold(RowSum* row, const RowSum& split) {
  const float max = fmaxf(row->max, split.max);
  const float base = max == -INFINITY ? 0.0f : max;
  const FoldFactors f = {exp2_fast(row->max - base),
                         exp2_fast(split.max - base)};
  row->sum = __fmaf_rn(row->sum, f.old_part, __fmul_rn(split.sum, f.new_part));
  row->max = max;
  return f;
}
DEV float Fold(float out, float split, const FoldFactors& f) {
  return __fmaf_rn(out, f.old_part, __fmul_rn(split, f.new_part));
}

// Adding +0 turns -0, which masked keys may leave, into +0.
DEV float Normalise(float out, float inverse) {
  return __fadd_rn(__fmul_rn(out, inverse), 0.0f);
}
DEV float LogSumExp(const RowSum& row) {
  return __fmul_rn(row.max + log2_fast(row.sum), kLn2);
}

// Scores of a warp's 16 rows and a tile of keys, then their exponentials; the
// running maxima and sums of the lane's two rows, and what the sums so far must
// be multiplied with.
DEV void ExpScores(float (&s)[1][8][4], float scale_log2, int first_key,
                   const int (&position)[2], RowSum (&row)[2],
                   float (&rescale)[2]) {
  const int lane = threadIdx.x % 32;
  float max[2] = {row[0].max, row[1].max};
#pragma unroll
  for (int j = 0; j < 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int key = first_key + j * 8 + lane % 4 * 2 + e % 2;
      const float score = __fmul_rn(s[0][j][e], scale_log2);
      s[0][j][e] = key <= position[e / 2] ? score : -INFINITY;
      max[e / 2] = fmaxf(max[e / 2], s[0][j][e]);
    }
  }
  float base[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    max[h] = fmaxf(max[h], __shfl_xor_sync(~0u, max[h], 1));
    max[h] = fmaxf(max[h], __shfl_xor_sync(~0u, max[h], 2));
    base[h] = max[h] == -INFINITY ? 0.0f : max[h];
    rescale[h] = exp2_fast(row[h].max - base[h]);
    row[h].max = max[h];
    row[h].sum = __fmul_rn(row[h].sum, rescale[h]);
  }
#pragma unroll
  for (int j = 0; j < 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      s[0][j][e] = exp2_fast(s[0][j][e] - base[e / 2]);
      row[e / 2].sum = __fadd_rn(row[e / 2].sum, s[0][j][e]);
    }
  }
}

template <int D, int WARPS>
constexpr int AttentionSharedBytes() {
  return (WARPS * 16 + 2 * 2 * kTileKeys) * D * 2;
}

// blockIdx: row tile, kv-head, split. kSplit: the block takes one split and
// leaves the row's sums in p.partials. Otherwise it folds all.
// D: columns of the tiles in shared memory, 64 or 128; those past p.depth are
// 0.
template <int D, int WARPS, bool kSplit>
__global__ void __launch_bounds__(WARPS * 32)
    AttentionKernel(const AttentionArgs p) {
  constexpr int kRows = WARPS * 16, kThreads = WARPS * 32, kParts = D / 64;
  // Queries stay in registers, or are read again for every tile of keys: with
  // the row's own sums they would not fit at D = 128.
  constexpr bool kHoldQ = D == 64 || kSplit;
  DYNAMIC_SHARED(bf16, shared);
  bf16* const tile_q = shared;
  bf16* const tiles_kv = shared + kRows * D;  // two stages of keys and values
  const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16;
  const TileRows rows = RowsOfTile(p, p.tiles[blockIdx.x]);
  const HeadCache head = CacheOf(p, rows.sequence.page_begin);
  const int num_keys = rows.LastPosition(kRows) + 1;
  const int key_begin = kSplit ? blockIdx.z * kSplitKeys : 0;
  if (key_begin >= num_keys) return;
  const int key_end = kSplit && key_begin + kSplitKeys < num_keys
                          ? key_begin + kSplitKeys
                          : num_keys;
  auto stage = [&](int key) {
    return tiles_kv + key / kTileKeys % 2 * 2 * kTileKeys * D;
  };
  auto fetch = [&](int key) {
    LoadKeys<D, kThreads>(stage(key), head, key, key_end);
  };
  LoadRows<D, kRows, kThreads>(tile_q, p.depth, p.q, [&](int r) -> const bf16* {
    if (!rows.Has(r)) return nullptr;
    return p.q + rows.Token(r) * p.q_stride + rows.Head(r) * p.depth;
  });
  fetch(key_begin);
  cp_async_commit();

  const float scale_log2 = __fmul_rn(p.scale, kLog2E);
  int position[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = warp_row + lane / 4 + h * 8;
    position[h] = rows.Has(r) ? rows.Position(r) : -1;
  }
  uint32_t q[kHoldQ ? D / 16 : 1][1][4];
  float out[kParts][1][8][4];                   // of the split
  float row_out[kSplit ? 1 : kParts][1][8][4];  // of the row
  RowSum split[2], row[2];
  if constexpr (!kSplit) {
#pragma unroll
    for (int d = 0; d < kParts; ++d) FillSums(row_out[d], 0.0f);
  }
  for (int key = key_begin; key < key_end;) {
    const int boundary = (key / kSplitKeys + 1) * kSplitKeys;
    const int split_end = boundary < key_end ? boundary : key_end;
    split[0] = split[1] = RowSum();
#pragma unroll
    for (int d = 0; d < kParts; ++d) FillSums(out[d], 0.0f);
    for (; key < split_end; key += kTileKeys) {
      cp_async_wait<0>();
      __syncthreads();
      if (kHoldQ && key == key_begin) {
#pragma unroll
        for (int k = 0; k < D / 16; ++k) {
          LoadA<false, D>(q[kHoldQ ? k : 0][0], tile_q, warp_row, k);
        }
      }
      if (key + kTileKeys < key_end) fetch(key + kTileKeys);
      cp_async_commit();
      const bf16* const keys = stage(key);
      const bf16* const values = keys + kTileKeys * D;
      float s[1][8][4];
      FillSums(s, 0.0f);
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        uint32_t b[8][2];
        if (!kHoldQ) LoadA<false, D>(q[0][0], tile_q, warp_row, k);
        LoadB<false, D>(b, keys, 0, k);
        mma_tiles<1, 8>(s, q[kHoldQ ? k : 0], b);
      }
      float rescale[2];
      ExpScores(s, scale_log2, key, position, split, rescale);
#pragma unroll
      for (int d = 0; d < kParts; ++d) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            out[d][0][j][e] = __fmul_rn(out[d][0][j][e], rescale[e / 2]);
          }
        }
      }
#pragma unroll
      for (int k = 0; k < kTileKeys / 16; ++k) {
        uint32_t a[1][4];
        SumsToA(a, s, k);
#pragma unroll
        for (int d = 0; d < kParts; ++d) {
          uint32_t b[8][2];
          LoadB<true, D>(b, values, d * 64, k);
          mma_tiles<1, 8>(out[d], a, b);
        }
      }
    }
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float sum = split[h].sum;
      sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, 1));
      split[h].sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, 2));
      if constexpr (!kSplit) {
        const FoldFactors f = Fold(&row[h], split[h]);
#pragma unroll
        for (int d = 0; d < kParts; ++d) {
#pragma unroll
          for (int j = 0; j < 8; ++j) {
#pragma unroll
            for (int e = h * 2; e < h * 2 + 2; ++e) {
              row_out[d][0][j][e] =
                  Fold(row_out[d][0][j][e], out[d][0][j][e], f);
            }
          }
        }
      }
    }
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = warp_row + lane / 4 + h * 8;
    if (!rows.Has(r)) continue;
    const int col = lane % 4 * 2;
    if constexpr (kSplit) {
      const int64_t slot =
          ((int64_t{blockIdx.x} * p.kv_heads + blockIdx.y) * p.splits +
           blockIdx.z) *
              kRows +
          r;
      float* const to = p.partials + slot * (D + 2);
      if (lane % 4 == 0) StorePair(to + D, split[h].max, split[h].sum, true);
#pragma unroll
      for (int d = 0; d < kParts; ++d) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          StorePair(to + d * 64 + j * 8 + col, out[d][0][j][h * 2],
                    out[d][0][j][h * 2 + 1], true);
        }
      }
    } else {
      const float inverse = 1.0f / row[h].sum;
      const int token = rows.Token(r), query_head = rows.Head(r);
      if (p.lse != nullptr && lane % 4 == 0) {
        p.lse[token * p.lse_stride + query_head] = LogSumExp(row[h]);
      }
      bf16* const to =
          p.out + token * p.out_stride + query_head * p.depth + col;
#pragma unroll
      for (int d = 0; d < kParts; ++d) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          const int c = d * 64 + j * 8;
          if (c >= p.depth) continue;
          StorePair(to + c, Normalise(row_out[d][0][j][h * 2], inverse),
                    Normalise(row_out[d][0][j][h * 2 + 1], inverse), true);
        }
      }
    }
  }
}

// Folds a row's splits, ascending. A warp has a row: blockIdx: row tile,
// kv-head, four rows.
template <int D>
__global__ void __launch_bounds__(128) FoldSplitsKernel(const AttentionArgs p) {
  const int lane = threadIdx.x % 32;
  const int r = blockIdx.z * 4 + threadIdx.x / 32;
  const TileRows rows = RowsOfTile(p, p.tiles[blockIdx.x]);
  if (!rows.Has(r)) return;
  const int splits = rows.LastPosition(kSplitRows) / kSplitKeys + 1;
  RowSum row;
  float out[D / 32];
#pragma unroll
  for (int j = 0; j < D / 32; ++j) out[j] = 0.0f;
  for (int s = 0; s < splits; ++s) {
    const int64_t slot =
        ((int64_t{blockIdx.x} * p.kv_heads + blockIdx.y) * p.splits + s) *
            kSplitRows +
        r;
    const float* const from = p.partials + slot * (D + 2);
    const FoldFactors f = Fold(&row, {from[D], from[D + 1]});
#pragma unroll
    for (int j = 0; j < D / 32; ++j) {
      out[j] = Fold(out[j], from[j * 32 + lane], f);
    }
  }
  const float inverse = 1.0f / row.sum;
  const int token = rows.Token(r), query_head = rows.Head(r);
  if (p.lse != nullptr && lane == 0) {
    p.lse[token * p.lse_stride + query_head] = LogSumExp(row);
  }
#pragma unroll
  for (int j = 0; j < D / 32; ++j) {
    const int c = j * 32 + lane;
    if (c >= p.depth) continue;
    p.out[token * p.out_stride + query_head * p.depth + c] =
        __float2bfloat16(Normalise(out[j], inverse));
  }
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ATTENTION_CUH_
