#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/weight_gradient.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/gemm_tile-inl.h"
#include "kernels/cpu/weight_gradient.h"

// dw[n, k] += sum_t dy[t, n] x[t, k] is the product of dy^T and x: rows of a
// tile are outputs n, its vectors run over k, and the reduction over tokens.
// Both operands are first copied into the order in which the tiles read them.

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// Outputs n of one packed strip of dy: strip[t * kTileRows + i].
int StripRows() { return kTileRows; }

void PackStrip(ConstMat dy, int64_t begin, float* strip) {
  const int64_t count = std::min<int64_t>(kTileRows, dy.cols - begin);
  for (int64_t t = 0; t < dy.rows; ++t, strip += kTileRows) {
    std::memcpy(strip, dy.Row(t) + begin, count * sizeof(float));
  }
}

void RunStripTile(int rows, const TileArgs& args) {
  switch (rows) {
#define R1_TILE(n)                            \
  case n:                                     \
    if constexpr (n <= kTileRows) {           \
      return GemmTile<n, 1, kTileRows>(args); \
    }                                         \
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

// Adds `tokens` tokens to the rows of dw from strips [strip_begin, strip_end)
// and all columns.
void AccumulateStrips(const float* strips, const float* panels, int64_t tokens,
                      int64_t strip_begin, int64_t strip_end, Mat dw) {
  const int outputs = TileOutputs();
  for (int64_t k = 0; k < dw.cols; k += outputs) {
    TileArgs args;
    args.a_row = 1;
    args.b =
        panels + k / kPanelOutputs * tokens * kPanelOutputs + k % kPanelOutputs;
    args.b_panel = 0;
    args.depth = tokens;
    args.start_row = dw.stride;
    args.c_row = dw.stride;
    args.outputs = std::min<int64_t>(outputs, dw.cols - k);
    for (int64_t s = strip_begin; s < strip_end; ++s) {
      const int64_t n = s * kTileRows;
      args.a = strips + s * tokens * kTileRows;
      args.c = dw.Row(n) + k;
      args.start = args.c;
      RunStripTile(std::min<int64_t>(kTileRows, dw.rows - n), args);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(StripRows);
HWY_EXPORT(PackStrip);
HWY_EXPORT(AccumulateStrips);

namespace {

constexpr int64_t kTokenBlock = 256;

void PackPanel(ConstMat x, int64_t begin, float* panel) {
  const int64_t count = std::min<int64_t>(kPanelOutputs, x.cols - begin);
  for (int64_t t = 0; t < x.rows; ++t, panel += kPanelOutputs) {
    std::memcpy(panel, x.Row(t) + begin, count * sizeof(float));
  }
}

}  // namespace

void MatMulWeightGradient(ThreadPool& pool, CpuScratch& scratch, ConstMat dy,
                          ConstMat x, Mat dw) {
  R1_CHECK(dy.rows == x.rows && dw.rows == dy.cols && dw.cols == x.cols,
           "MatMulWeightGradient: dy [T, N], x [T, K], dw [N, K]");
  if (dw.rows == 0 || dw.cols == 0) return;
  const int64_t strip_rows = HWY_DYNAMIC_DISPATCH(StripRows)();
  const int64_t num_strips = (dw.rows + strip_rows - 1) / strip_rows;
  const int64_t num_panels = (dw.cols + kPanelOutputs - 1) / kPanelOutputs;
  scratch.weight_gradient.Reserve(
      kTokenBlock * (num_panels * kPanelOutputs + num_strips * strip_rows));
  for (int64_t t = 0; t < x.rows; t += kTokenBlock) {
    const int64_t tokens = std::min(kTokenBlock, x.rows - t);
    float* panels = scratch.weight_gradient.data();
    float* strips = panels + num_panels * tokens * kPanelOutputs;
    pool.ParallelFor(num_panels + num_strips, [&](int64_t task, int) {
      if (task < num_panels) {
        PackPanel(x.Rows(t, tokens), task * kPanelOutputs,
                  panels + task * tokens * kPanelOutputs);
      } else {
        const int64_t s = task - num_panels;
        HWY_DYNAMIC_DISPATCH(PackStrip)
        (dy.Rows(t, tokens), s * strip_rows, strips + s * tokens * strip_rows);
      }
    });
    const int64_t tasks = std::min<int64_t>(num_strips, 4 * pool.num_threads());
    pool.ParallelFor(tasks, [&](int64_t task, int) {
      HWY_DYNAMIC_DISPATCH(AccumulateStrips)
      (strips, panels, tokens, num_strips * task / tasks,
       num_strips * (task + 1) / tasks, dw);
    });
  }
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
