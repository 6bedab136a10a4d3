// The inner kernel of all products with weights: an outer product that keeps a
// tile of sums in registers.
//
// Every sum is one chain of fused multiply-adds in ascending k, whatever the
// shape of the tile; sums spilled to memory and reloaded keep their bits. So
// tiling, blocking over k, the number of rows and threads never show.
#if defined(R1_KERNELS_CPU_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_GEMM_TILE_INL_H_
#undef R1_KERNELS_CPU_GEMM_TILE_INL_H_
#else
#define R1_KERNELS_CPU_GEMM_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of sums that fit the registers beside the operands.
#if HWY_TARGET == HWY_AVX3
inline constexpr int kTileSums = 24;
#else
inline constexpr int kTileSums = 12;
#endif
inline constexpr int kTileVectors = 2;  // of one stream
inline constexpr int kTileRows = kTileSums / kTileVectors;

// Outputs of one stream of a tile; divides kPanelOutputs.
HWY_INLINE int TileOutputs() {
  return kTileVectors * static_cast<int>(hn::Lanes(FloatTag()));
}

// c[i, j] = start[i, j] + sum_k a[i, k] b[k, j], for the columns of one or
// more streams. Stream s reads panel s at b + s * b_panel and writes the
// columns from s * kPanelOutputs on.
struct TileArgs {
  const float* a;  // element (i, k) at i * a_row + k * a_step
  int64_t a_row;
  const float* b;   // element (k, j) at k * kPanelOutputs + j
  int64_t b_panel;  // from one stream to the next
  int64_t depth;
  const float* start;  // null: zeros
  int64_t start_row;   // 0: the same values for all rows (a bias)
  float* c;
  int64_t c_row;
  int64_t outputs;  // columns of c, and of start, that exist
};

// kStep: from a[i, k] to a[i, k + 1].
template <int kRows, int kStreams, int kStep>
HWY_NOINLINE void GemmTile(const TileArgs& args) {
  constexpr int kVecs = kStreams * kTileVectors;
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  const auto column = [lanes](int v) {
    return v / kTileVectors * kPanelOutputs + v % kTileVectors * lanes;
  };
  FloatVec sum[kRows][kVecs];
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVecs; ++v) {
      const int64_t left = args.outputs - column(v);
      const float* p = args.start + i * args.start_row + column(v);
      if (args.start == nullptr || left <= 0) {
        sum[i][v] = hn::Zero(d);
      } else {
        sum[i][v] = left >= lanes ? hn::LoadU(d, p) : LoadPartial(d, p, left);
      }
    }
  }
  const float* a = args.a;
  const float* b = args.b;
  const int64_t a_row = args.a_row;
  const int64_t b_panel = args.b_panel;
  for (int64_t k = 0; k < args.depth; ++k) {
    FloatVec weight[kVecs];
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) {
      weight[v] = hn::Load(
          d, b + v / kTileVectors * b_panel + v % kTileVectors * lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const FloatVec x = hn::Set(d, a[i * a_row]);
#pragma GCC unroll 16
      for (int v = 0; v < kVecs; ++v) {
        sum[i][v] = hn::MulAdd(x, weight[v], sum[i][v]);
      }
    }
    a += kStep;
    b += kPanelOutputs;
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < kVecs; ++v) {
      const int64_t left = args.outputs - column(v);
      float* p = args.c + i * args.c_row + column(v);
      if (left >= lanes) {
        hn::StoreU(sum[i][v], d, p);
      } else if (left > 0) {
        StorePartial(sum[i][v], d, p, left);
      }
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_GEMM_TILE_INL_H_
