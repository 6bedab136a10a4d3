// The constants that decide in which order the kernels add. Changing one
// changes bits, and so the identity of runs. Beside these: r1::kPageTokens.
#ifndef R1_KERNELS_CUDA_ORDER_H_
#define R1_KERNELS_CUDA_ORDER_H_

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

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ORDER_H_
