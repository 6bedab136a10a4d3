// What the attention kernels share: rows of queries, and keys and values of
// pages, in shared memory.
#ifndef R1_KERNELS_CUDA_ATTENTION_TILE_CUH_
#define R1_KERNELS_CUDA_ATTENTION_TILE_CUH_

#include "kernels/cuda/attention.h"
#include "kernels/cuda/constants.h"
#include "kernels/cuda/order.h"
#include "kernels/cuda/tile.cuh"
#include "kernels/ops.h"

namespace r1::cuda {

// Where the tables of a batch lie, and all else of a call.
struct AttentionArgs {
  const AttentionSequence* sequences;
  const int32_t* pages;
  const AttentionTile* tiles;  // of rows, those of the kernel
  int splits;                  // of a row in `partials`
  const bf16* cache;
  int heads, kv_heads, depth;  // H, K, D
  float scale;
  const bf16* q;
  int64_t q_stride;
  bf16* out;
  int64_t out_stride;
  float* lse;  // or null
  int64_t lse_stride;
  float* partials;  // [row tiles, K, splits, kSplitRows, D of the tile + 2]
};
struct AttentionGradientArgs {
  AttentionArgs forward;
  const KeyTile* key_tiles;
  int rows;  // T
  const bf16* dout;
  int64_t dout_stride;
  float* delta;  // [T, H]
  float* dq;
  int64_t dq_stride;
  float *dk, *dv;
  int64_t dk_stride, dv_stride;
};

// Starts the copy of row(r), `depth` elements or null for zeros, to row r of a
// tile of D columns.
template <int D, int ROWS, int THREADS, class RowOf>
DEV void LoadRows(bf16* tile, int depth, const bf16* valid_address, RowOf row) {
  constexpr int kPieces = D / kPiece;
  for (int i = threadIdx.x; i < ROWS * kPieces; i += THREADS) {
    const int r = i / kPieces, c = i % kPieces;
    const bf16* const from = c * kPiece < depth ? row(r) : nullptr;
    cp_async16(tile + TileAt<D>(r, c),
               from == nullptr ? valid_address : from + c * kPiece,
               from == nullptr ? 0 : 16);
  }
}

// Keys and values of one kv-head.
struct HeadCache {
  const bf16* cache;
  const int32_t* pages;  // of the sequence
  int kv_heads, kv_head, depth;

  // Of key `position`; `which` is 0 for the key and 1 for the value.
  DEV const bf16* Row(int position, int which) const {
    const int page = pages[position / kPageTokens];
    const int64_t block = (int64_t{page} * kv_heads + kv_head) * 2 + which;
    return cache + (block * kPageTokens + position % kPageTokens) * depth;
  }
};

// Starts the copy of keys [begin, end), at most kTileKeys, to rows 0… of a
// tile, and of their values to rows kTileKeys…; the rest becomes 0, since a
// slot that nothing was written to may hold a NaN. Keys of a page lie one after
// another.
template <int D, int THREADS>
DEV void LoadKeys(bf16* tile, const HeadCache& head, int begin, int end) {
  LoadRows<D, 2 * kTileKeys, THREADS>(
      tile, head.depth, head.cache, [&](int r) -> const bf16* {
        const int key = begin + r % kTileKeys;
        return key < end ? head.Row(key, r / kTileKeys) : nullptr;
      });
}

// A tile's sequence, and where its rows lie.
struct TileRows {
  AttentionSequence sequence;
  int first, group, kv_head;

  DEV int rows() const { return sequence.row_count * group; }
  DEV bool Has(int r) const { return first + r < rows(); }
  DEV int Token(int r) const {
    return sequence.row_begin + (first + r) / group;
  }
  DEV int Head(int r) const { return kv_head * group + (first + r) % group; }
  DEV int Position(int r) const {
    return sequence.first_position + (first + r) / group;
  }
  // The last of the keys that `count` rows see.
  DEV int LastPosition(int count) const {
    const int end = first + count < rows() ? first + count : rows();
    return sequence.first_position + (end - 1) / group;
  }
};

DEV TileRows RowsOfTile(const AttentionArgs& p, const AttentionTile& tile) {
  return {p.sequences[tile.sequence], tile.first, p.heads / p.kv_heads,
          static_cast<int>(blockIdx.y)};
}
DEV HeadCache CacheOf(const AttentionArgs& p, int page_begin) {
  return {p.cache, p.pages + page_begin, p.kv_heads,
          static_cast<int>(blockIdx.y), p.depth};
}

// The A operand of step k16 from sums of 16 rows: the layout of the sums of two
// neighbouring tiles m16n8 is that of one operand m16k16.
template <int NI>
DEV void SumsToA(uint32_t (&a)[1][4], const float (&s)[1][NI][4], int k16) {
  const float(&low)[4] = s[0][2 * k16];
  const float(&high)[4] = s[0][2 * k16 + 1];
  a[0][0] = pack_bf16(low[0], low[1]);
  a[0][1] = pack_bf16(low[2], low[3]);
  a[0][2] = pack_bf16(high[0], high[1]);
  a[0][3] = pack_bf16(high[2], high[3]);
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ATTENTION_TILE_CUH_
