#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>

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

// Depth of a block of weights that stays in the first-level cache while all
// row tiles of a task pass over it: 256 * kPanelOutputs * 4 bytes = 32 KiB.
inline constexpr int64_t kDepthBlock = 256;

template <int kStreams>
void RunTile(int rows, const TileArgs& args) {
  static_assert(kTileRows <= 12);
  switch (rows) {
#define R1_TILE(n)                             \
  case n:                                      \
    if constexpr (n * kStreams <= kTileRows) { \
      return GemmTile<n, kStreams, 1>(args);   \
    }                                          \
    break
    R1_TILE(1);
    R1_TILE(2);
    R1_TILE(3);
    R1_TILE(4);
    R1_TILE(5);
    R1_TILE(6);
    R1_TILE(7);
    R1_TILE(8);
    R1_TILE(9);
    R1_TILE(10);
    R1_TILE(11);
    R1_TILE(12);
#undef R1_TILE
  }
  R1_CHECK(false, "tiles have 1 to kTileRows rows");
}

// One panel, rows [begin, end), depth [k, k + depth).
void RunPanel(const MatMulCall& call, const Block& block, int64_t panel,
              int64_t k, int64_t depth) {
  const int outputs = TileOutputs();
  const int64_t rows = block.row_end - block.row_begin;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (int64_t n = panel * kPanelOutputs;
       n < std::min((panel + 1) * kPanelOutputs, call.y.cols); n += outputs) {
    TileArgs args;
    args.a_row = call.x.stride;
    args.b = call.w->data.data() + (panel * call.w->depth + k) * kPanelOutputs +
             n % kPanelOutputs;
    args.b_stream = 0;
    args.depth = depth;
    args.c_row = call.y.stride;
    args.outputs = std::min<int64_t>(outputs, call.y.cols - n);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t begin = block.row_begin + rows * tile / tiles;
      const int64_t end = block.row_begin + rows * (tile + 1) / tiles;
      args.a = call.x.Row(begin) + k;
      args.c = call.y.Row(begin) + n;
      if (k > 0 || call.store == Store::kAccumulate) {
        args.start = args.c;
        args.start_row = args.c_row;
      } else {
        args.start = call.bias == nullptr ? nullptr : call.bias + n;
        args.start_row = 0;
      }
      RunTile<1>(end - begin, args);
    }
  }
}

void RunBlock(const MatMulCall& call, const Block& block) {
  int64_t k = 0;
  do {
    const int64_t depth = std::min(kDepthBlock, call.w->depth - k);
    for (int64_t p = block.panel_begin; p < block.panel_end; ++p) {
      RunPanel(call, block, p, k, depth);
    }
    k += kDepthBlock;
  } while (k < call.w->depth);
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(RunBlock);

namespace {

constexpr int64_t kBlockRows = 96;
// Below this many multiply-adds waking a second thread costs more than it
// gives.
constexpr int64_t kSerialWork = 1 << 15;

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
  const int64_t wanted = 4 * pool.num_threads();
  const int64_t panel_blocks =
      std::min(panels, (wanted + row_blocks - 1) / row_blocks);
  pool.ParallelFor(row_blocks * panel_blocks, [&](int64_t task, int) {
    const int64_t r = task / panel_blocks;
    const int64_t p = task % panel_blocks;
    run(call, {r * kBlockRows, std::min((r + 1) * kBlockRows, y.rows),
               panels * p / panel_blocks, panels * (p + 1) / panel_blocks});
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
