#include "base/check.h"
#include "kernels/cuda/attention.cuh"

namespace r1::cuda {
namespace {

// Columns of a tile in shared memory.
int TileDepth(const AttentionArgs& p) { return p.depth <= 64 ? 64 : 128; }

void CheckArgs(const AttentionArgs& p) {
  R1_CHECK(p.depth % 16 == 0 && p.depth > 0 && p.depth <= 128,
           "a head's size is a multiple of 16 up to 128");
  R1_CHECK(p.heads % p.kv_heads == 0, "H is a multiple of K");
  R1_CHECK(reinterpret_cast<uintptr_t>(p.q) % 16 == 0 && p.q_stride % 8 == 0 &&
               reinterpret_cast<uintptr_t>(p.cache) % 16 == 0,
           "rows of q and pages begin at multiples of 16 bytes");
}

template <int D>
void LaunchForwardOf(Stream stream, const AttentionArgs& p) {
  const unsigned heads = p.kv_heads;
  if (const unsigned tiles = p.tables.num_split_tiles; tiles > 0) {
    const unsigned splits = p.tables.splits;
    Launch(stream, AttentionKernel<D, 1, true>, Dim3(tiles, heads, splits), 32,
           AttentionSharedBytes<D, 1>(), p);
    Launch(stream, FoldSplitsKernel<D>, Dim3(tiles, heads, kSplitRows / 4), 128,
           0, p);
  }
  if (const unsigned tiles = p.tables.num_fold_tiles; tiles > 0) {
    Launch(stream, AttentionKernel<D, 4, false>, Dim3(tiles, heads), 128,
           AttentionSharedBytes<D, 4>(), p);
  }
}

}  // namespace

int64_t AttentionPartials(const AttentionArgs& p) {
  return int64_t{1} * p.tables.num_split_tiles * p.kv_heads * p.tables.splits *
         kSplitRows * (TileDepth(p) + 2);
}

void LaunchAttentionForward(Stream stream, const AttentionArgs& p) {
  CheckArgs(p);
  if (TileDepth(p) == 64) {
    LaunchForwardOf<64>(stream, p);
  } else {
    LaunchForwardOf<128>(stream, p);
  }
}

}  // namespace r1::cuda
