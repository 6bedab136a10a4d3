#include "base/check.h"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/attention_backward.cuh"

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

template <int D>
void LaunchBackwardOf(Stream stream, const AttentionGradientArgs& args) {
  const DeviceTables& tables = args.forward.tables;
  const unsigned heads = args.forward.kv_heads;
  if (tables.num_row_tiles > 0) {
    Launch(stream, RowGradientKernel<D>,
           Dim3(static_cast<unsigned>(tables.num_row_tiles), heads), 128,
           RowGradientSharedBytes<D>(), args);
  }
  if (tables.num_key_tiles > 0) {
    Launch(stream, KeyGradientKernel<D>,
           Dim3(static_cast<unsigned>(tables.num_key_tiles), heads), 128,
           KeyGradientSharedBytes<D>(), args);
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

void LaunchAttentionBackward(Stream stream, const AttentionGradientArgs& args) {
  const AttentionArgs& p = args.forward;
  CheckArgs(p);
  R1_CHECK(reinterpret_cast<uintptr_t>(args.dout) % 16 == 0 &&
               args.dout_stride % 8 == 0,
           "rows of dout begin at multiples of 16 bytes");
  const int64_t heads = int64_t{1} * args.rows * p.heads;
  if (heads == 0) return;
  Launch(stream, DeltaKernel, Dim3(static_cast<unsigned>((heads + 3) / 4)), 128,
         0, args);
  if (TileDepth(p) == 64) {
    LaunchBackwardOf<64>(stream, args);
  } else {
    LaunchBackwardOf<128>(stream, args);
  }
}

}  // namespace r1::cuda
