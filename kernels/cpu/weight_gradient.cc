// Gradient of a linear layer's weights.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/weight_gradient.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>

#include "base/check.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/gemm_tile-inl.h"

// dw[n, k] += sum_t dy[t, n] x[t, k] is the product of dy^T and x: rows of a
// tile are outputs n, its vectors run over k, and the reduction over tokens.
// Both operands are first copied into the order in which the tiles read them.

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// Outputs n of one packed strip of dy: strip[t * kTileRows + i].
int StripRows() { return kTileRows; }

// Copies columns [begin, end) of all tokens into slices of `width` columns:
// slice j, at to + j * tokens * width, holds for every token its `width`
// columns from begin + j * width on.
void CopySlices(ConstMat from, int64_t begin, int64_t end, int64_t width,
                float* to) {
  const FloatTag d;
  for (int64_t t = 0; t < from.rows; ++t) {
    float* out = to + t * width;
    for (int64_t c = begin; c < end; c += width) {
      const float* row = from.Row(t) + c;
      Transform(d, std::min(width, end - c), out,
                [&](auto load) HWY_ATTR { return load(row); });
      out += from.rows * width;
    }
  }
}

// Asks for the next tile of dw while this one is computed.
HWY_INLINE void PrefetchTile(int rows, const float* tile, int64_t stride) {
  for (int i = 0; i < rows; ++i) {
    hwy::Prefetch(tile + i * stride);
    hwy::Prefetch(tile + i * stride + kPanelOutputs - 1);
  }
}

// One strip times one panel: rows from n and columns from k of dw.
HWY_INLINE void RunStripPanel(const float* strip, const float* panel,
                              int64_t tokens, int64_t n, int64_t k, Mat dw) {
  const int outputs = TileOutputs();
  const int rows = std::min<int64_t>(kTileRows, dw.rows - n);
  TileArgs args = {};
  args.a = strip;
  args.depth = tokens;
  args.start_row = dw.stride;
  args.c_row = dw.stride;
  args.prefetch = strip;  // in the cache: fetches nothing
  for (int64_t end = std::min(k + kPanelOutputs, dw.cols); k < end;
       k += outputs, panel += outputs) {
    args.b = panel;
    args.c = dw.Row(n) + k;
    args.start = args.c;
    args.columns = dw.cols - k;
    PrefetchTile(rows, args.c + kTileRows * dw.stride, dw.stride);
    kOnePanelTiles<ALayout::kPacked>[rows - 1](args);
  }
}

// Adds `tokens` tokens to the rows of dw from strips [strip_begin, strip_end)
// and all columns. A panel stays in the first-level cache while a group of
// strips passes over it.
void AccumulateStrips(const float* strips, const float* panels, int64_t tokens,
                      int64_t strip_begin, int64_t strip_end, Mat dw) {
  constexpr int64_t kGroup = 8;
  for (int64_t group = strip_begin; group < strip_end; group += kGroup) {
    const int64_t end = std::min(group + kGroup, strip_end);
    for (int64_t k = 0; k < dw.cols; k += kPanelOutputs) {
      for (int64_t s = group; s < end; ++s) {
        RunStripPanel(strips + s * tokens * kTileRows, panels + k * tokens,
                      tokens, s * kTileRows, k, dw);
      }
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(StripRows);
HWY_EXPORT(CopySlices);
HWY_EXPORT(AccumulateStrips);

namespace {

constexpr int64_t kTokenBlock = 256;
// Slices that a task copies side by side: few enough that the lines they write
// fit a cache set even when they collide.
constexpr int64_t kCopySlices = 4;

}  // namespace

void CpuOps::MatMulWeightGradient(Tensor dy, Tensor x, Tensor dw) {
  R1_CHECK(dy.rows == x.rows && dw.rows == dy.cols && dw.cols == x.cols,
           "MatMulWeightGradient: dy [T, N], x [T, K], dw [N, K]");
  if (dw.rows == 0 || dw.cols == 0) return;
  const int64_t strip_rows = HWY_DYNAMIC_DISPATCH(StripRows)();
  const int64_t num_strips = (dw.rows + strip_rows - 1) / strip_rows;
  const int64_t num_panels = (dw.cols + kPanelOutputs - 1) / kPanelOutputs;
  scratch_.weight_gradient.Reserve(
      kTokenBlock * (num_panels * kPanelOutputs + num_strips * strip_rows));
  const auto copy = HWY_DYNAMIC_DISPATCH(CopySlices);
  const int64_t panel_columns = kCopySlices * kPanelOutputs;
  const int64_t strip_columns = kCopySlices * strip_rows;
  const int64_t panel_copies = (dw.cols + panel_columns - 1) / panel_columns;
  const int64_t strip_copies = (dw.rows + strip_columns - 1) / strip_columns;
  for (int64_t t = 0; t < x.rows; t += kTokenBlock) {
    const int64_t tokens = std::min(kTokenBlock, x.rows - t);
    float* panels = FloatsOf(scratch_.weight_gradient);
    float* strips = panels + num_panels * tokens * kPanelOutputs;
    pool_.ParallelFor(panel_copies + strip_copies, [&](int64_t task, int) {
      if (task < panel_copies) {
        const int64_t begin = task * panel_columns;
        copy(x.Rows(t, tokens), begin, std::min(begin + panel_columns, dw.cols),
             kPanelOutputs, panels + begin * tokens);
      } else {
        const int64_t begin = (task - panel_copies) * strip_columns;
        copy(dy.Rows(t, tokens), begin,
             std::min(begin + strip_columns, dw.rows), strip_rows,
             strips + begin * tokens);
      }
    });
    const int64_t tasks =
        std::min<int64_t>(num_strips, 4 * pool_.num_threads());
    pool_.ParallelFor(tasks, [&](int64_t task, int) {
      HWY_DYNAMIC_DISPATCH(AccumulateStrips)
      (strips, panels, tokens, num_strips * task / tasks,
       num_strips * (task + 1) / tasks, dw);
    });
  }
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
