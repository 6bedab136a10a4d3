// Tiles of bf16 matrices in shared memory, and the operands of the tensor cores
// (mma m16n8k16) that lie in them.
//
// A tile of COLS columns lies row after row in pieces of 8 elements, 16 bytes.
// Piece c of row r is stored at piece c ^ (r % 8): the same piece of 8
// consecutive rows, which ldmatrix reads at once, then lies in 8 different
// groups of banks.
#ifndef R1_KERNELS_CUDA_TILE_CUH_
#define R1_KERNELS_CUDA_TILE_CUH_

#include "kernels/cuda/compat.h"

namespace r1::cuda {

inline constexpr int kPiece = 8;

template <int COLS>
DEV int TileAt(int row, int piece) {
  static_assert(COLS % 64 == 0, "8 pieces to permute");
  return row * COLS + (piece ^ (row & 7)) * kPiece;
}

// Bytes of a piece that begins at column `col` of `cols`.
DEV int PieceBytes(int col, int cols) {
  const int left = (cols - col) * 2;
  return left < 0 ? 0 : left < 16 ? left : 16;
}

// Starts the copy of a tile from rows [row, …) and columns [col, …) of a matrix
// with `rows` rows and `cols` columns that is `stride` wide; what lies outside
// becomes 0. Rows begin at multiples of 16 bytes. A thread keeps one column of
// pieces and walks down the rows: one pointer, one permutation.
template <int ROWS, int COLS, int THREADS>
DEV void LoadTile(bf16* tile, const bf16* from, int64_t stride, int row,
                  int rows, int col, int cols) {
  constexpr int kPieces = COLS / kPiece;
  constexpr int kStep = THREADS / kPieces;
  static_assert(THREADS % kPieces == 0 && kStep % 8 == 0);
  const int r0 = threadIdx.x / kPieces, c = threadIdx.x % kPieces;
  const int bytes = PieceBytes(col + c * kPiece, cols);
  const bf16* source = from + (row + r0) * stride + col + c * kPiece;
  bf16* target = tile + TileAt<COLS>(r0, c);
#pragma unroll
  for (int i = 0; i < (ROWS + kStep - 1) / kStep; ++i) {
    const int r = r0 + i * kStep;
    if (ROWS % kStep == 0 || r < ROWS) {
      const bool is_inside = row + r < rows && bytes > 0;
      cp_async16(target + i * kStep * COLS, is_inside ? source : from,
                 is_inside ? bytes : 0);
      source += kStep * stride;
    }
  }
}

// The A operand of step k16: rows [row, row + 16) of a tile [M, K], or of a
// tile [K, M] if it is transposed.
template <bool kTransposed, int COLS>
DEV void LoadA(uint32_t (&a)[4], const bf16* tile, int row, int k16) {
  const int lane = threadIdx.x % 32;
  if constexpr (kTransposed) {
    const int r = k16 * 16 + lane / 16 * 8 + lane % 8;
    ldmatrix_x4<true>(a, tile + TileAt<COLS>(r, row / 8 + lane / 8 % 2));
  } else {
    const int r = row + lane % 16;
    ldmatrix_x4<false>(a, tile + TileAt<COLS>(r, k16 * 2 + lane / 16));
  }
}

// The B operand of step k16: NI * 8 outputs from `col` of a tile [N, K], or of
// a tile [K, N] if it is transposed.
template <bool kTransposed, int COLS, int NI>
DEV void LoadB(uint32_t (&b)[NI][2], const bf16* tile, int col, int k16) {
  static_assert(NI % 2 == 0);
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int j = 0; j < NI; j += 2) {
    uint32_t* const pair = &b[j][0];
    if constexpr (kTransposed) {
      const int r = k16 * 16 + lane / 8 % 2 * 8 + lane % 8;
      ldmatrix_x4<true>(pair, tile + TileAt<COLS>(r, col / 8 + j + lane / 16));
    } else {
      const int r = col + j * 8 + lane % 8 + lane / 16 * 8;
      ldmatrix_x4<false>(pair, tile + TileAt<COLS>(r, k16 * 2 + lane / 8 % 2));
    }
  }
}

// Sums of MI x NI tiles m16n8. Lane l of the warp holds elements (row, col) and
// (row, col + 1) of each in [0] and [1], and of row + 8 in [2] and [3], where
// row = l / 4 and col = l % 4 * 2.
template <int MI, int NI>
DEV void FillSums(float (&c)[MI][NI][4], float value) {
#pragma unroll
  for (int i = 0; i < MI; ++i) {
#pragma unroll
    for (int j = 0; j < NI; ++j) {
#pragma unroll
      for (int q = 0; q < 4; ++q) c[i][j][q] = value;
    }
  }
}

// Calls fn(i, j, half, row, col) for the pairs of sums of this lane, where
// (row, col) counts from the corner of the MI x NI tiles.
template <int MI, int NI, class Fn>
DEV void ForEachPair(Fn fn) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < MI; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int j = 0; j < NI; ++j) {
        fn(i, j, half, i * 16 + half * 8 + lane / 4, j * 8 + lane % 4 * 2);
      }
    }
  }
}

// Stores one or two neighbours, at once where their address allows.
struct alignas(8) FloatPair {
  float v[2];
};
struct alignas(4) Bf16Pair {
  bf16 v[2];
};
DEV void StorePair(float* to, float v0, float v1, bool has_second) {
  if (has_second && reinterpret_cast<uintptr_t>(to) % 8 == 0) {
    *reinterpret_cast<FloatPair*>(to) = {{v0, v1}};
    return;
  }
  to[0] = v0;
  if (has_second) to[1] = v1;
}
DEV void StorePair(bf16* to, float v0, float v1, bool has_second) {
  const uint32_t bits = pack_bf16(v0, v1);
  Bf16Pair pair;
  memcpy(&pair, &bits, 4);
  if (has_second && reinterpret_cast<uintptr_t>(to) % 4 == 0) {
    *reinterpret_cast<Bf16Pair*>(to) = pair;
    return;
  }
  to[0] = pair.v[0];
  if (has_second) to[1] = pair.v[1];
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_TILE_CUH_
