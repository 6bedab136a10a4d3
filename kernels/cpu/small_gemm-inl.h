// A small matrix product on cached operands: the inner loop of attention.
#if defined(R1_KERNELS_CPU_SMALL_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_SMALL_GEMM_INL_H_
#undef R1_KERNELS_CPU_SMALL_GEMM_INL_H_
#else
#define R1_KERNELS_CPU_SMALL_GEMM_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Element (i, k) is data[i * row + k * col].
struct Strided {
  const float* data;
  int64_t row;
  int64_t col;
};

// Row-major with `stride` elements from row to row.
struct Rows {
  float* data;
  int64_t stride;
};
struct ConstRows {
  const float* data;
  int64_t stride;
};

enum class Start { kZero, kFromC };

// How many terms the sums of a row have: the same for all rows.
struct SameDepth {
  static constexpr bool kSame = true;
  int64_t depth;
  int64_t operator()(int64_t) const { return depth; }
};

// c[i, n] = (0 or c[i, n]) + sum_k a[i, k] b[k, n] for rows first to
// first + R - 1 and NV vectors of columns, k < depth(i); k ascending, one chain
// of fused multiply-adds per element. So an element's bits depend neither on R
// and NV nor on the lanes of D.
template <int R, int NV, Start start, class D, class Depth>
HWY_INLINE void GemmTile(D d, Strided a, ConstRows b, int64_t first,
                         Depth depth, Rows c) {
  const size_t N = hn::Lanes(d);
  a.data += first * a.row;
  c.data += first * c.stride;
  hn::Vec<D> acc[R][NV];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) {
      acc[i][v] = start == Start::kZero
                      ? hn::Zero(d)
                      : hn::LoadU(d, c.data + i * c.stride + v * N);
    }
  }
  const int64_t common = depth(first);
  const float* a_k = a.data;
  const float* b_k = b.data;
  for (int64_t k = 0; k < common; ++k, a_k += a.col, b_k += b.stride) {
    hn::Vec<D> row[NV];
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) row[v] = hn::LoadU(d, b_k + v * N);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const auto x = hn::Set(d, a_k[i * a.row]);
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) acc[i][v] = hn::MulAdd(x, row[v], acc[i][v]);
    }
  }
  if constexpr (!Depth::kSame) {
#pragma GCC unroll 16
    for (int i = 1; i < R; ++i) {
      const int64_t extra = depth(first + i) - common;
      for (int64_t k = 0; k < extra; ++k) {
        const auto x = hn::Set(d, a_k[i * a.row + k * a.col]);
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) {
          const auto row = hn::LoadU(d, b_k + k * b.stride + v * N);
          acc[i][v] = hn::MulAdd(x, row, acc[i][v]);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) {
      hn::StoreU(acc[i][v], d, c.data + i * c.stride + v * N);
    }
  }
}

// Tiles of R rows from row i on; returns the first row left over.
template <int R, int NV, Start start, class D, class Depth>
HWY_INLINE int64_t GemmRowTiles(D d, Strided a, ConstRows b, int64_t i,
                                int64_t rows, Depth depth, Rows c) {
  for (; rows - i >= R; i += R) GemmTile<R, NV, start>(d, a, b, i, depth, c);
  return i;
}

// NV vectors of columns from column `col` on, all rows. Returns the next
// column. The tile keeps its accumulators in registers and has at least eight
// of them where it can, to hide the latency of the multiply-add.
template <int NV, Start start, class D, class Depth>
HWY_INLINE int64_t GemmColumns(D d, Strided a, ConstRows b, int64_t rows,
                               int64_t col, Depth depth, Rows c) {
  constexpr int kAccumulators = HWY_TARGET <= HWY_AVX3 ? 16 : 8;
  b.data += col;
  c.data += col;
  int64_t i = 0;
  if constexpr (NV * 8 <= kAccumulators) {
    i = GemmRowTiles<8, NV, start>(d, a, b, i, rows, depth, c);
  }
  i = GemmRowTiles<4, NV, start>(d, a, b, i, rows, depth, c);
  i = GemmRowTiles<2, NV, start>(d, a, b, i, rows, depth, c);
  GemmRowTiles<1, NV, start>(d, a, b, i, rows, depth, c);
  return col + NV * static_cast<int64_t>(hn::Lanes(d));
}

// The columns that fill no whole vector, by ever shorter vectors.
template <int kLanes, Start start, class Depth>
HWY_INLINE void GemmTail(Strided a, ConstRows b, int64_t rows, int64_t col,
                         int64_t cols, Depth depth, Rows c) {
  if constexpr (kLanes >= 1) {
    const hn::CappedTag<float, kLanes> d;
    if (hn::Lanes(d) == kLanes && cols - col >= kLanes) {
      col = GemmColumns<1, start>(d, a, b, rows, col, depth, c);
    }
    GemmTail<kLanes / 2, start>(a, b, rows, col, cols, depth, c);
  }
}

// c[i, n] = (0 or c[i, n]) + sum_k a[i, k] b[k, n] for `rows` rows and `cols`
// columns, k < depth(i), where depth(i) does not fall from row to row. Nothing
// outside these ranges is read.
template <Start start, class Depth>
HWY_NOINLINE void SmallGemm(Strided a, ConstRows b, int64_t rows, int64_t cols,
                            Depth depth, Rows c) {
  const hn::CappedTag<float, 16> d;
  constexpr int64_t kLanes = hn::MaxLanes(d);
  int64_t col = 0;
  if constexpr (HWY_TARGET <= HWY_AVX3) {
    while (cols - col >= 4 * kLanes) {
      col = GemmColumns<4, start>(d, a, b, rows, col, depth, c);
    }
  }
  while (cols - col >= 2 * kLanes) {
    col = GemmColumns<2, start>(d, a, b, rows, col, depth, c);
  }
  if (cols - col >= kLanes) {
    col = GemmColumns<1, start>(d, a, b, rows, col, depth, c);
  }
  if (col < cols) GemmTail<8, start>(a, b, rows, col, cols, depth, c);
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_SMALL_GEMM_INL_H_
