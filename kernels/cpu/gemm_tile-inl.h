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
#include <array>
#include <cstdint>
#include <utility>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/cpu/panel.h"
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
inline constexpr int kTileVectors = 2;  // of one panel
inline constexpr int kTileRows = kTileSums / kTileVectors;

// Outputs of a tile in one panel; divides kPanelOutputs.
HWY_INLINE int TileOutputs() {
  return kTileVectors * static_cast<int>(hn::Lanes(FloatTag()));
}

// With few rows a tile takes several panels, for enough independent chains.
constexpr int PanelsFor(int rows) {
  return kTileRows >= 4 * rows ? 4 : kTileRows >= 2 * rows ? 2 : 1;
}

// c[i, j] = start[i, j] + sum_k a[i, k] b[k, j] for all rows of the tile and
// TileOutputs() columns of every panel; panel p is kPanelOutputs columns and
// p * b_panel elements of b further.
struct TileArgs {
  const float* a;  // see ALayout
  int64_t a_row;
  const float* b;  // element (k, j) at k * kPanelOutputs + j
  int64_t b_panel;
  int64_t depth;
  const float* start;  // null: zeros
  int64_t start_row;   // 0: the same values for all rows (a bias)
  float* c;
  int64_t c_row;
  int64_t columns;  // of c and start that exist
  // Two cache lines to fetch in every step of k, and how far they move then.
  // Tiles of several panels look ahead in their panels instead.
  const float* prefetch;
  int64_t prefetch_step;
};

// How a tile reads a[i, k]: at i * a_row + k, or packed at k * kTileRows + i.
enum class ALayout { kRows, kPacked };

// Floats from what is read of a panel to what is fetched ahead: at one step in
// a few cycles, the latency of memory.
inline constexpr int64_t kPrefetchAhead = 48 * kPanelOutputs;

HWY_INLINE void PrefetchStep(const float* p) {
  hwy::Prefetch(p);
  hwy::Prefetch(p + kPanelOutputs / 2);
}

// A tile whose columns all exist. The loops over rows and vectors unroll, so
// that every sum has a register.
template <int kRows, int kPanels, ALayout kLayout>
HWY_NOINLINE void FullTile(const TileArgs& args) {
  constexpr int kVecs = kPanels * kTileVectors;
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  const auto column = [lanes](int v) {
    return v / kTileVectors * kPanelOutputs + v % kTileVectors * lanes;
  };
  FloatVec sum[kRows][kVecs];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) {
      sum[i][v] =
          args.start == nullptr
              ? hn::Zero(d)
              : hn::LoadU(d, args.start + i * args.start_row + column(v));
    }
  }
  const bool is_packed = kLayout == ALayout::kPacked;
  const int64_t a_row = is_packed ? 1 : args.a_row;
  const int64_t b_panel = args.b_panel;
  const float* a = args.a;
  const float* b = args.b;
  const float* prefetch = args.prefetch;
  for (int64_t k = 0; k < args.depth; ++k) {
    FloatVec weight[kVecs];
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) {
      weight[v] = hn::Load(
          d, b + v / kTileVectors * b_panel + v % kTileVectors * lanes);
    }
    if (kPanels == 1) {
      PrefetchStep(prefetch);
      prefetch += args.prefetch_step;
    } else {
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) {
        PrefetchStep(b + p * b_panel + kPrefetchAhead);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const FloatVec x = hn::Set(d, a[i * a_row]);
#pragma GCC unroll 16
      for (int v = 0; v < kVecs; ++v) {
        sum[i][v] = hn::MulAdd(x, weight[v], sum[i][v]);
      }
    }
    a += is_packed ? kTileRows : 1;
    b += kPanelOutputs;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) {
      hn::StoreU(sum[i][v], d, args.c + i * args.c_row + column(v));
    }
  }
}

// A tile of one panel that may reach over the right edge of c: then it works
// on a copy.
template <int kRows, ALayout kLayout>
void OnePanelTile(const TileArgs& args) {
  if (args.columns >= TileOutputs()) return FullTile<kRows, 1, kLayout>(args);
  float copy[kRows * kPanelOutputs] = {};
  TileArgs inside = args;
  inside.c = copy;
  inside.c_row = kPanelOutputs;
  if (args.start != nullptr) {
    for (int i = 0; i < kRows; ++i) {
      std::copy_n(args.start + i * args.start_row, args.columns,
                  copy + i * kPanelOutputs);
    }
    inside.start = copy;
    inside.start_row = kPanelOutputs;
  }
  FullTile<kRows, 1, kLayout>(inside);
  for (int i = 0; i < kRows; ++i) {
    std::copy_n(copy + i * kPanelOutputs, args.columns,
                args.c + i * args.c_row);
  }
}

using Tile = void (*)(const TileArgs&);

template <ALayout kLayout, int... rows>
constexpr std::array<Tile, sizeof...(rows)> OnePanelTiles(
    std::integer_sequence<int, rows...>) {
  return {&OnePanelTile<rows + 1, kLayout>...};
}
template <ALayout kLayout, int... rows>
constexpr std::array<Tile, sizeof...(rows)> ManyPanelTiles(
    std::integer_sequence<int, rows...>) {
  return {&FullTile<rows + 1, PanelsFor(rows + 1), kLayout>...};
}

// Element [rows - 1] is the tile for that many rows.
template <ALayout kLayout>
inline constexpr auto kOnePanelTiles =
    OnePanelTiles<kLayout>(std::make_integer_sequence<int, kTileRows>());
// The same for PanelsFor(rows) whole panels.
template <ALayout kLayout>
inline constexpr auto kManyPanelTiles =
    ManyPanelTiles<kLayout>(std::make_integer_sequence<int, kTileRows>());

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_GEMM_TILE_INL_H_
