// The constants that fix the order of sums on a GPU. Changing one changes the
// bits of every result, and so the identity of a device; tile shapes, stages
// and numbers of threads are schedule alone and live with their kernels.
#ifndef R1_KERNELS_CUDA_ORDER_H_
#define R1_KERNELS_CUDA_ORDER_H_

#include <algorithm>
#include <cstdint>

namespace r1::cuda {

// Elements that one instruction of the tensor cores sums: a step of k.
inline constexpr int kStepDepth = 16;

// Forward products: y = chunk 0 + chunk 1 + …, where a chunk is one chain of
// steps. Its length is a multiple of 64 and depends on the matrix alone: enough
// chunks for 100 blocks of 128 outputs, none shorter than 256 where there are
// several. Few rows leave a GPU idle unless blocks share the sum, and with this
// rule any number of rows may.
inline constexpr int kChunkUnit = 64;
inline int ChunkDepth(int64_t outputs, int64_t depth) {
  const int64_t blocks = (outputs + 127) / 128;
  const int64_t wanted = blocks == 0 ? 1 : (100 + blocks - 1) / blocks;
  const int64_t chunks = std::max<int64_t>(1, std::min(wanted, depth / 256));
  const int64_t length = (depth + chunks - 1) / chunks;
  return static_cast<int>(
      std::max<int64_t>(1, (length + kChunkUnit - 1) / kChunkUnit) *
      kChunkUnit);
}
inline int NumChunks(int64_t outputs, int64_t depth) {
  const int chunk = ChunkDepth(outputs, depth);
  return static_cast<int>(std::max<int64_t>(1, (depth + chunk - 1) / chunk));
}

// Attention: keys that share one running maximum and sum, by absolute
// position, before they are folded into those of the row; and keys of a step of
// the running maximum within.
inline constexpr int kSplitKeys = 512;
inline constexpr int kTileKeys = 64;

// Vocabulary: ids that share one maximum and sum.
inline constexpr int kGroupIds = 128;

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ORDER_H_
