// The constants that decide in which order the kernels add. Changing one
// changes bits, and so the identity of runs. Beside these: r1::kPageTokens.
#ifndef R1_KERNELS_CUDA_ORDER_H_
#define R1_KERNELS_CUDA_ORDER_H_

#include <algorithm>
#include <cstdint>

namespace r1::cuda {

// Sums over rows (ColumnSum, dw of RmsNormBackward): this many rows, ascending
// from zero, make a partial sum; the result grows by the partial sums,
// ascending.
inline constexpr int64_t kRowsPerPartial = 32;

// Sums over the columns of a row (RmsNorm): thread t of N adds columns 4 t to
// 4 t + 3, then those 4 N further on; the threads of a warp are added in a
// butterfly of distances 16, 8, 4, 2, 1, then the warps ascending. N is 32 up
// to this many columns and 256 beyond.
inline constexpr int64_t kColumnsOfOneWarp = 256;

// SumSquares: thread t of 256 adds elements 4 t to 4 t + 3 of a block, then
// those 1024 further on; halves of the threads are added, the upper to the
// lower, until one is left. The blocks are added in a balanced tree over their
// index.
inline constexpr int64_t kSumSquaresBlock = 8192;

// Products forward: y = chunk 0 + chunk 1 + …, where a chunk is one chain of
// steps of 16 on the tensor cores. Its length is a multiple of 64 and depends
// on the matrix alone: enough chunks for 100 blocks of 128 outputs, none
// shorter than 256 where there are several. Few rows leave a device idle unless
// blocks share the sums, and with this rule any number of rows may.
inline constexpr int kChunkUnit = 64;
inline int ChunkDepth(int64_t outputs, int64_t depth) {
  const int64_t blocks = std::max<int64_t>(1, (outputs + 127) / 128);
  const int64_t chunks =
      std::max<int64_t>(1, std::min((100 + blocks - 1) / blocks, depth / 256));
  const int64_t length = (depth + chunks - 1) / chunks;
  const int64_t units = (length + kChunkUnit - 1) / kChunkUnit;
  return static_cast<int>(std::max<int64_t>(1, units) * kChunkUnit);
}
inline int NumChunks(int64_t outputs, int64_t depth) {
  const int chunk = ChunkDepth(outputs, depth);
  return static_cast<int>(std::max<int64_t>(1, (depth + chunk - 1) / chunk));
}

// Attention: keys that share a running maximum and sum, by absolute position,
// before these are folded into the row's; and keys of a step of that maximum.
inline constexpr int kSplitKeys = 512;
inline constexpr int kTileKeys = 64;

// Vocabulary: ids that share one maximum and sum.
inline constexpr int kGroupIds = 128;

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ORDER_H_
