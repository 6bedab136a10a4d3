#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/gemm_tile-inl.h"
#include "kernels/cpu/matmul.h"

#ifndef R1_KERNELS_CPU_MATMUL_CC_ONCE
#define R1_KERNELS_CPU_MATMUL_CC_ONCE
namespace r1::cpu {

// One call of MatMul, and the part of it that a task computes.
struct MatMulCall {
  ConstMat x;
  const PackedMatrix* w;
  const float* bias;  // null: none
  Store store;
  Mat y;
};
struct Block {
  int64_t row_begin, row_end;
  int64_t panel_begin, panel_end;
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_MATMUL_CC_ONCE

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// Depth of a block of weights that stays in the second-level cache while the
// row tiles of a task pass over it: 1024 * kPanelOutputs * 4 bytes = 128 KiB.
inline constexpr int64_t kDepthBlock = 1024;

// With few rows a tile takes several panels, for enough independent chains.
constexpr int StreamsFor(int rows) {
  const int most = kTileRows / rows;
  return most >= 4 ? 4 : most >= 2 ? 2 : 1;
}

using Tile = void (*)(const TileArgs&);
struct Tiles {
  Tile many;  // StreamsFor(rows) panels
  Tile one;
};
template <int... rows>
constexpr std::array<Tiles, sizeof...(rows)> MakeTiles(
    std::integer_sequence<int, rows...>) {
  return {Tiles{&GemmTile<rows + 1, StreamsFor(rows + 1), 1>,
                &GemmTile<rows + 1, 1, 1>}...};
}
constexpr auto kTiles = MakeTiles(std::make_integer_sequence<int, kTileRows>());

// Panels [panel, panel + streams) of the block, depth [k, k + depth).
void RunPanels(const MatMulCall& call, const Block& block, int64_t panel,
               int64_t streams, int64_t k, int64_t depth) {
  const int outputs = TileOutputs();
  const int64_t rows = block.row_end - block.row_begin;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t columns = call.y.cols - panel * kPanelOutputs;
  for (int64_t n = 0; n < std::min<int64_t>(kPanelOutputs, columns);
       n += outputs) {
    TileArgs args;
    args.a_row = call.x.stride;
    args.b =
        call.w->data.data() + (panel * call.w->depth + k) * kPanelOutputs + n;
    args.b_panel = call.w->depth * kPanelOutputs;
    args.depth = depth;
    args.c_row = call.y.stride;
    args.outputs = columns - n;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t begin = block.row_begin + rows * tile / tiles;
      const int64_t end = block.row_begin + rows * (tile + 1) / tiles;
      args.a = call.x.Row(begin) + k;
      args.c = call.y.Row(begin) + panel * kPanelOutputs + n;
      if (k > 0 || call.store == Store::kAccumulate) {
        args.start = args.c;
        args.start_row = args.c_row;
      } else {
        args.start = call.bias == nullptr
                         ? nullptr
                         : call.bias + panel * kPanelOutputs + n;
        args.start_row = 0;
      }
      const Tiles& kernels = kTiles[end - begin - 1];
      (streams > 1 ? kernels.many : kernels.one)(args);
    }
  }
}

// Sums spilled between blocks of depth must still be in the second-level cache
// when they are needed again.
int64_t PanelGroup(int64_t rows) {
  constexpr int64_t kSpillFloats = 64 << 10;
  return std::max<int64_t>(1, kSpillFloats / (rows * kPanelOutputs));
}

void RunBlock(const MatMulCall& call, const Block& block) {
  const int64_t depth = call.w->depth;
  const int64_t steps =
      std::max<int64_t>(1, (depth + kDepthBlock - 1) / kDepthBlock);
  const int64_t rows = block.row_end - block.row_begin;
  const int64_t group = PanelGroup(rows);
  const int64_t streams = rows <= kTileRows ? StreamsFor(rows) : 1;
  for (int64_t p = block.panel_begin; p < block.panel_end; p += group) {
    const int64_t end = std::min(p + group, block.panel_end);
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t k = depth * step / steps;
      const int64_t count = depth * (step + 1) / steps - k;
      int64_t panel = p;
      for (; panel + streams <= end; panel += streams) {
        RunPanels(call, block, panel, streams, k, count);
      }
      for (; panel < end; ++panel) RunPanels(call, block, panel, 1, k, count);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(RunBlock);

namespace {

constexpr int64_t kBlockRows = 192;
// Below this many multiply-adds waking a second thread costs more than it
// gives.
constexpr int64_t kSerialWork = 1 << 15;
// Multiply-adds of a task: some microseconds, so that handing out tasks costs
// little and threads end together.
constexpr int64_t kTaskWork = 1 << 19;
constexpr int64_t kLeastRows = 8;

}  // namespace

void MatMul(ThreadPool& pool, ConstMat x, const PackedMatrix& w,
            absl::Span<const float> bias, Store store, Mat y) {
  R1_CHECK(x.cols == w.depth && y.cols == w.outputs && x.rows == y.rows,
           "MatMul: x [T, depth], y [T, outputs]");
  R1_CHECK(
      bias.empty() || (bias.size() == w.outputs && store == Store::kAssign),
      "MatMul: bias [outputs] only with kAssign");
  if (y.rows == 0 || y.cols == 0) return;
  const MatMulCall call = {x, &w, bias.empty() ? nullptr : bias.data(), store,
                           y};
  const int64_t panels = (w.outputs + kPanelOutputs - 1) / kPanelOutputs;
  const auto run = HWY_DYNAMIC_DISPATCH(RunBlock);
  if (pool.num_threads() == 1 || x.rows * x.cols * w.outputs < kSerialWork) {
    for (int64_t row = 0; row < y.rows; row += kBlockRows) {
      run(call, {row, std::min(row + kBlockRows, y.rows), 0, panels});
    }
    return;
  }
  const int64_t row_blocks = (y.rows + kBlockRows - 1) / kBlockRows;
  // A few rows cost as much as kLeastRows: then reading the weights counts.
  const int64_t rows = std::clamp(y.rows, kLeastRows, kBlockRows);
  const int64_t panel_work = rows * (w.depth + 1) * kPanelOutputs;
  const int64_t grain = std::max<int64_t>(1, kTaskWork / panel_work);
  const int64_t panel_blocks = (panels + grain - 1) / grain;
  pool.ParallelFor(row_blocks * panel_blocks, [&](int64_t task, int) {
    const int64_t r = task / panel_blocks;
    const int64_t p = task % panel_blocks;
    run(call, {r * kBlockRows, std::min((r + 1) * kBlockRows, y.rows),
               panels * p / panel_blocks, panels * (p + 1) / panel_blocks});
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
