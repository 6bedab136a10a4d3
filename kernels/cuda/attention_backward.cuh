// Attention backward without atomics: one kernel whose blocks own keys, for dk
// and dv, and one whose blocks own rows, for dq. Both compute the scores anew,
// seven products of matrices in the place of five (Dao et al. 2022, alg. 4, has
// one kernel and adds dq atomically).
//   p = 2^(score - lse), ds = p * (scale * (dout . v - delta))
//   dv += p dout, dk += ds q, dq = ds k, p and ds rounded to bf16
#ifndef R1_KERNELS_CUDA_ATTENTION_BACKWARD_CUH_
#define R1_KERNELS_CUDA_ATTENTION_BACKWARD_CUH_

#include "kernels/cuda/attention_tile.cuh"

namespace r1::cuda {

// delta[t, h] = out . dout of the head. A warp a head, lanes ascending, then a
// butterfly.
__global__ void __launch_bounds__(128)
    DeltaKernel(const AttentionGradientArgs p) {
  const int lane = threadIdx.x % 32;
  const int64_t i = int64_t{4} * blockIdx.x + threadIdx.x / 32;
  const int heads = p.forward.heads, depth = p.forward.depth;
  if (i >= int64_t{p.rows} * heads) return;
  const int64_t row = i / heads, col = i % heads * depth;
  const bf16* const out = p.forward.out + row * p.forward.out_stride + col;
  const bf16* const dout = p.dout + row * p.dout_stride + col;
  float sum = 0.0f;
  for (int c = lane; c < depth; c += 32) {
    sum = __fmaf_rn(__bfloat162float(out[c]), __bfloat162float(dout[c]), sum);
  }
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, bits));
  }
  if (lane == 0) p.delta[i] = sum;
}

// s and dp become p and ds of one score.
DEV void ScoreGradient(bool is_visible, float scale, float scale_log2,
                       float lse_log2, float delta, float* s, float* dp) {
  const float score = __fmul_rn(*s, scale_log2);
  *s = is_visible ? exp2_fast(score - lse_log2) : 0.0f;
  *dp = is_visible ? __fmul_rn(*s, __fmul_rn(scale, *dp - delta)) : 0.0f;
}

template <int D>
constexpr int RowGradientSharedBytes() {
  return (2 * kFoldRows + 2 * 2 * kTileKeys) * D * 2;
}

// dq. blockIdx: row tile, kv-head.
template <int D>
__global__ void __launch_bounds__(128)
    RowGradientKernel(const AttentionGradientArgs args) {
  constexpr int kParts = D / 64;
  const AttentionArgs& p = args.forward;
  DYNAMIC_SHARED(bf16, shared);
  bf16* const tile_q = shared;
  bf16* const tile_dout = tile_q + kFoldRows * D;
  bf16* const tiles_kv = tile_dout + kFoldRows * D;  // two stages
  const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16;
  const TileRows rows = RowsOfTile(p, p.tiles[blockIdx.x]);
  const HeadCache head = CacheOf(p, rows.sequence.page_begin);
  const int num_keys = rows.LastPosition(kFoldRows) + 1;
  auto row_of = [&](const bf16* x, int64_t stride) {
    return [=, &p](int r) -> const bf16* {
      if (!rows.Has(r)) return nullptr;
      return x + rows.Token(r) * stride + rows.Head(r) * p.depth;
    };
  };
  auto stage = [&](int key) {
    return tiles_kv + key / kTileKeys % 2 * 2 * kTileKeys * D;
  };
  LoadRows<D, kFoldRows, 128>(tile_q, p.depth, p.q, row_of(p.q, p.q_stride));
  LoadRows<D, kFoldRows, 128>(tile_dout, p.depth, args.dout,
                              row_of(args.dout, args.dout_stride));
  LoadKeys<D, 128>(stage(0), head, 0, num_keys);
  cp_async_commit();

  const float scale_log2 = __fmul_rn(p.scale, kLog2E);
  int position[2];
  float lse_log2[2], delta[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = warp_row + lane / 4 + h * 8;
    position[h] = -1;
    lse_log2[h] = delta[h] = 0.0f;
    if (!rows.Has(r)) continue;
    const int64_t token = rows.Token(r);
    position[h] = rows.Position(r);
    lse_log2[h] = __fmul_rn(p.lse[token * p.lse_stride + rows.Head(r)], kLog2E);
    delta[h] = args.delta[token * p.heads + rows.Head(r)];
  }
  float dq[kParts][1][8][4];
#pragma unroll
  for (int d = 0; d < kParts; ++d) FillSums(dq[d], 0.0f);
  for (int key = 0; key < num_keys; key += kTileKeys) {
    cp_async_wait<0>();
    __syncthreads();
    if (const int next = key + kTileKeys; next < num_keys) {
      LoadKeys<D, 128>(stage(next), head, next, num_keys);
    }
    cp_async_commit();
    const bf16* const keys = stage(key);
    const bf16* const values = keys + kTileKeys * D;
    float s[1][8][4], dp[1][8][4];
    FillSums(s, 0.0f);
    FillSums(dp, 0.0f);
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      uint32_t a[1][4], b[8][2];
      LoadA<false, D>(a[0], tile_q, warp_row, k);
      LoadB<false, D>(b, keys, 0, k);
      mma_tiles<1, 8>(s, a, b);
      LoadA<false, D>(a[0], tile_dout, warp_row, k);
      LoadB<false, D>(b, values, 0, k);
      mma_tiles<1, 8>(dp, a, b);
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int h = e / 2;
        const int at = key + j * 8 + lane % 4 * 2 + e % 2;
        ScoreGradient(at <= position[h], p.scale, scale_log2, lse_log2[h],
                      delta[h], &s[0][j][e], &dp[0][j][e]);
      }
    }
#pragma unroll
    for (int k = 0; k < kTileKeys / 16; ++k) {
      uint32_t a[1][4];
      SumsToA(a, dp, k);
#pragma unroll
      for (int d = 0; d < kParts; ++d) {
        uint32_t b[8][2];
        LoadB<true, D>(b, keys, d * 64, k);
        mma_tiles<1, 8>(dq[d], a, b);
      }
    }
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = warp_row + lane / 4 + h * 8;
    if (!rows.Has(r)) continue;
    float* const to = args.dq + rows.Token(r) * args.dq_stride +
                      rows.Head(r) * p.depth + lane % 4 * 2;
#pragma unroll
    for (int d = 0; d < kParts; ++d) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if (d * 64 + j * 8 >= p.depth) continue;
        StorePair(to + d * 64 + j * 8, dq[d][0][j][h * 2],
                  dq[d][0][j][h * 2 + 1], true);
      }
    }
  }
}

// The row tiles that see a key tile: those of one sequence after the other,
// each by number, in tiles whose first number is a multiple of kFoldRows.
struct RowCursor {
  const AttentionSequence* sequences;
  KeyTile keys;
  int group;
  int number = 0;  // of the sequence
  AttentionSequence sequence = {};
  int tile = 0, tile_end = 0;

  DEV void Begin() {
    number = keys.sequence_begin - 1;
    tile = tile_end = 0;
    Next();
  }
  DEV bool IsDone() const { return number >= keys.sequence_end; }
  DEV void Next() {
    if (++tile < tile_end) return;
    while (++number < keys.sequence_end) {
      sequence = sequences[number];
      const int first = sequence.first_position;
      if (keys.key_begin >= KeyLimit()) continue;
      const int begin = first > keys.key_begin ? first : keys.key_begin;
      tile = begin * group / kFoldRows;
      tile_end =
          ((first + sequence.row_count) * group + kFoldRows - 1) / kFoldRows;
      if (tile < tile_end) return;
    }
  }
  // The sequence sees no key from here on in this tile: its own keys are not
  // those of its prefix.
  DEV int KeyLimit() const {
    return keys.is_prefix && sequence.first_position > 0
               ? sequence.first_position
               : keys.key_end;
  }
  // Of row r of the tile.
  DEV int Position(int r) const { return (tile * kFoldRows + r) / group; }
  DEV int HeadInGroup(int r) const { return (tile * kFoldRows + r) % group; }
  DEV bool Has(int r) const {
    const int i = Position(r) - sequence.first_position;
    return i >= 0 && i < sequence.row_count;
  }
  DEV int Token(int r) const {
    return sequence.row_begin + Position(r) - sequence.first_position;
  }
};

template <int D>
constexpr int KeyGradientSharedBytes() {
  return (2 * kTileKeys + 2 * 2 * kFoldRows) * D * 2 + 2 * 3 * kFoldRows * 4;
}

// dk and dv. blockIdx: key tile, kv-head. A warp owns 16 keys, and computes the
// scores the other way round, K Q^T, so that their sums are the operands of the
// products with q and dout.
template <int D>
__global__ void __launch_bounds__(128)
    KeyGradientKernel(const AttentionGradientArgs args) {
  constexpr int kParts = D / 64;
  const AttentionArgs& p = args.forward;
  DYNAMIC_SHARED(bf16, shared);
  bf16* const tile_k = shared;
  bf16* const tile_v = tile_k + kTileKeys * D;
  bf16* const tiles_rows = tile_v + kTileKeys * D;  // two stages of q and dout
  float* const stats =                              // two of lse and delta
      reinterpret_cast<float*>(tiles_rows + 2 * 2 * kFoldRows * D);
  const int lane = threadIdx.x % 32, warp_key = threadIdx.x / 32 * 16;
  const int kv_head = blockIdx.y;
  const KeyTile keys = args.key_tiles[blockIdx.x];
  RowCursor next = {p.sequences, keys, p.heads / p.kv_heads};
  next.Begin();

  auto fetch = [&](int stage) {
    bf16* const tile_q = tiles_rows + stage * 2 * kFoldRows * D;
    auto row_of = [&](const bf16* x, int64_t stride) {
      return [=, &p, &next](int r) -> const bf16* {
        if (!next.Has(r)) return nullptr;
        const int head = kv_head * next.group + next.HeadInGroup(r);
        return x + next.Token(r) * stride + head * p.depth;
      };
    };
    LoadRows<D, kFoldRows, 128>(tile_q, p.depth, p.q, row_of(p.q, p.q_stride));
    LoadRows<D, kFoldRows, 128>(tile_q + kFoldRows * D, p.depth, args.dout,
                                row_of(args.dout, args.dout_stride));
    float* const row_stats = stats + stage * 3 * kFoldRows;
    const int r = threadIdx.x % kFoldRows;
    const bool has_row = next.Has(r);
    const int64_t token = has_row ? next.Token(r) : 0;
    const int head = kv_head * next.group + next.HeadInGroup(r);
    if (threadIdx.x < kFoldRows) {
      const float lse = has_row ? p.lse[token * p.lse_stride + head] : 0.0f;
      row_stats[r] = __fmul_rn(lse, kLog2E);
      reinterpret_cast<int*>(row_stats)[2 * kFoldRows + r] =
          has_row ? next.Position(r) : -1;
    } else {
      row_stats[kFoldRows + r] =
          has_row ? args.delta[token * p.heads + head] : 0.0f;
    }
  };
  LoadKeys<D, 128>(tile_k, CacheOf(p, keys.page_begin), keys.key_begin,
                   keys.key_end);
  if (!next.IsDone()) fetch(0);
  cp_async_commit();

  // Calls fn(sums of dk, of dv, offset in their rows) for the lane's pairs.
  float dk[kParts][1][8][4], dv[kParts][1][8][4];
  auto for_each_pair = [&](auto fn) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int r = warp_key + lane / 4 + h * 8;
      if (keys.key_begin + r >= keys.key_end) continue;
      const int64_t row = keys.gradient_row + r;
#pragma unroll
      for (int d = 0; d < kParts; ++d) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          if (d * 64 + j * 8 >= p.depth) continue;
          const int col = kv_head * p.depth + d * 64 + j * 8 + lane % 4 * 2;
          fn(&dk[d][0][j][h * 2], args.dk + row * args.dk_stride + col);
          fn(&dv[d][0][j][h * 2], args.dv + row * args.dv_stride + col);
        }
      }
    }
  };
#pragma unroll
  for (int d = 0; d < kParts; ++d) {
    FillSums(dk[d], 0.0f);
    FillSums(dv[d], 0.0f);
  }
  for_each_pair([](float* sums, const float* old) {
    sums[0] = old[0];
    sums[1] = old[1];
  });

  const float scale_log2 = __fmul_rn(p.scale, kLog2E);
  for (int stage = 0; !next.IsDone(); stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads();
    const int limit = next.KeyLimit();
    next.Next();
    if (!next.IsDone()) fetch(stage ^ 1);
    cp_async_commit();
    const bf16* const tile_q = tiles_rows + stage * 2 * kFoldRows * D;
    const bf16* const tile_dout = tile_q + kFoldRows * D;
    const float* const lse_log2 = stats + stage * 3 * kFoldRows;
    const float* const delta = lse_log2 + kFoldRows;
    const int* const position = reinterpret_cast<const int*>(delta + kFoldRows);
    float s[1][8][4], dp[1][8][4];
    FillSums(s, 0.0f);
    FillSums(dp, 0.0f);
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
      uint32_t a[1][4], b[8][2];
      LoadA<false, D>(a[0], tile_k, warp_key, k);
      LoadB<false, D>(b, tile_q, 0, k);
      mma_tiles<1, 8>(s, a, b);
      LoadA<false, D>(a[0], tile_v, warp_key, k);
      LoadB<false, D>(b, tile_dout, 0, k);
      mma_tiles<1, 8>(dp, a, b);
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int r = j * 8 + lane % 4 * 2 + e % 2;
        const int key = keys.key_begin + warp_key + lane / 4 + e / 2 * 8;
        const bool is_visible = key <= position[r] && key < limit;
        ScoreGradient(is_visible, p.scale, scale_log2, lse_log2[r], delta[r],
                      &s[0][j][e], &dp[0][j][e]);
      }
    }
#pragma unroll
    for (int k = 0; k < kFoldRows / 16; ++k) {
      uint32_t a[1][4], a_ds[1][4];
      SumsToA(a, s, k);
      SumsToA(a_ds, dp, k);
#pragma unroll
      for (int d = 0; d < kParts; ++d) {
        uint32_t b[8][2];
        LoadB<true, D>(b, tile_dout, d * 64, k);
        mma_tiles<1, 8>(dv[d], a, b);
        LoadB<true, D>(b, tile_q, d * 64, k);
        mma_tiles<1, 8>(dk[d], a_ds, b);
      }
    }
  }
  cp_async_wait<0>();
  for_each_pair([](const float* sums, float* to) {
    StorePair(to, sums[0], sums[1], true);
  });
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ATTENTION_BACKWARD_CUH_
