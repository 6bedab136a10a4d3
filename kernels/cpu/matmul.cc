// Products with weights.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/bf16-inl.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/gemm_tile-inl.h"
#include "kernels/cpu/linear.h"

#ifndef R1_KERNELS_CPU_MATMUL_CC_ONCE
#define R1_KERNELS_CPU_MATMUL_CC_ONCE
namespace r1::cpu {

// One product, and the part of it that a task computes.
struct MatMulCall {
  ConstMat x;
  const Linear* w;
  const float* start;  // [T, outputs]; null: zeros
  int64_t start_row;   // elements between its rows; 0: a bias
  Mat y;
};
struct Block {
  int64_t row_begin, row_end;
  int64_t panel_begin, panel_end;

  int64_t rows() const { return row_end - row_begin; }
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_MATMUL_CC_ONCE

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// Steps of k between spills of the sums; so much of a panel stays in the
// second-level cache while the row tiles of a block pass over it:
// 1024 * kPanelOutputs * 4 bytes = 128 KiB.
inline constexpr int64_t kDepthBlock = 1024;

// Panels between whose blocks of depth the sums are spilled: y must still be in
// the second-level cache when it is needed again (256 KiB of it).
int64_t PanelGroup(int64_t rows) {
  constexpr int64_t kSpillFloats = 64 << 10;
  return std::max<int64_t>(1, kSpillFloats / (rows * kPanelOutputs));
}

// What tile `tile` of `tiles` fetches while it reads the panel at args->b. One
// tile alone looks ahead in its own panel; of several, the first two fetch the
// next panel, half each, so that memory is busy while the others compute.
void SetPrefetch(int64_t tile, int64_t tiles, TileArgs* args) {
  if (tiles == 1) {
    args->prefetch = args->b + kPrefetchAhead;
    args->prefetch_step = kPanelOutputs;
  } else if (tile < 2) {
    args->prefetch_step = kPanelOutputs / 2;
    args->prefetch =
        args->b + args->b_panel + tile * args->depth * args->prefetch_step;
  } else {
    args->prefetch = args->b;
    args->prefetch_step = 0;
  }
}

// A range of depth of one panel, or of as many as tiles of few rows take.
struct PanelPart {
  const float* weights;  // of its first step
  int64_t panel_stride;  // floats to the same step of the next panel
  int64_t panel;         // number of the first
  bool is_many;
  int64_t k, depth;
};

// The part for all rows of the block, outputs [n, …) of its panels.
void RunColumns(const MatMulCall& call, const Block& block,
                const PanelPart& part, int64_t n) {
  const int64_t rows = block.rows();
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t column = part.panel * kPanelOutputs + n;
  TileArgs args = {};
  args.a_row = call.x.stride;
  args.b_panel = part.panel_stride;
  args.b = part.weights + n;
  args.depth = part.depth;
  args.c_row = call.y.stride;
  args.columns = call.y.cols - column;
  args.start_row = part.k > 0 ? call.y.stride : call.start_row;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t begin = block.row_begin + rows * tile / tiles;
    const int64_t end = block.row_begin + rows * (tile + 1) / tiles;
    args.a = call.x.Row(begin) + part.k;
    args.c = call.y.Row(begin) + column;
    if (part.k > 0) {
      args.start = args.c;
    } else if (call.start != nullptr) {
      args.start = call.start + begin * call.start_row + column;
    }
    SetPrefetch(tile, tiles, &args);
    const auto& kernels = part.is_many ? kManyPanelTiles<ALayout::kRows>
                                       : kOnePanelTiles<ALayout::kRows>;
    kernels[end - begin - 1](args);
  }
}

// Floats of a panel that is expanded for few rows: they stay in the first-level
// cache until the next step.
inline constexpr int64_t kFewRowsExpanded = 8192;

// Panels that a tile of so many rows takes at once.
int64_t PanelsAtOnce(int64_t rows) {
  return rows <= kTileRows ? PanelsFor(rows) : 1;
}

// Steps of k at a time.
int64_t DepthBlock(const MatMulCall& call, int64_t rows) {
  if (call.w->dtype == DType::kF32 || rows > kTileRows) return kDepthBlock;
  return kFewRowsExpanded / (PanelsAtOnce(rows) * kPanelOutputs);
}

// Where to read the part's weights; those in bf16 are expanded to `scratch`.
void PlaceWeights(const Linear& w, int64_t panels, float* scratch,
                  PanelPart* part) {
  const int64_t stride = w.depth * kPanelOutputs;
  const int64_t begin = part->panel * stride + part->k * kPanelOutputs;
  if (w.dtype == DType::kF32) {
    part->weights = FloatsOf(w.data) + begin;
    part->panel_stride = stride;
    return;
  }
  part->weights = scratch;
  part->panel_stride = part->depth * kPanelOutputs;
  for (int64_t p = 0; p < panels; ++p) {
    ExpandBf16(Bf16Of(w) + begin + p * stride, part->panel_stride,
               scratch + p * part->panel_stride);
  }
}

// Panels [begin, end) at depth [k, k + depth).
void RunPanels(const MatMulCall& call, const Block& block, int64_t begin,
               int64_t end, int64_t k, int64_t depth, float* scratch) {
  const int64_t at_once = PanelsAtOnce(block.rows());
  const int64_t whole_panels = call.y.cols / kPanelOutputs;
  const int outputs = TileOutputs();
  PanelPart part = {};
  part.panel = begin;
  part.k = k;
  part.depth = depth;
  while (part.panel < end) {
    part.is_many =
        at_once > 1 && part.panel + at_once <= std::min(end, whole_panels);
    const int64_t panels = part.is_many ? at_once : 1;
    PlaceWeights(*call.w, panels, scratch, &part);
    const int64_t columns = call.y.cols - part.panel * kPanelOutputs;
    for (int64_t n = 0; n < std::min<int64_t>(kPanelOutputs, columns);
         n += outputs) {
      RunColumns(call, block, part, n);
    }
    part.panel += panels;
  }
}

void RunBlock(const MatMulCall& call, const Block& block) {
  HWY_ALIGN float scratch[kDepthBlock * kPanelOutputs];  // of bf16 weights
  const int64_t depth = call.w->depth;
  const int64_t depth_block = DepthBlock(call, block.rows());
  const int64_t steps =
      std::max<int64_t>(1, (depth + depth_block - 1) / depth_block);
  const int64_t group = PanelGroup(block.rows());
  for (int64_t p = block.panel_begin; p < block.panel_end; p += group) {
    const int64_t end = std::min(p + group, block.panel_end);
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t k = depth * step / steps;
      RunPanels(call, block, p, end, k, depth * (step + 1) / steps - k,
                scratch);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(RunBlock);

namespace {

// Rows of a task: many, because each reads all its panels from beyond the
// second-level cache; but their x should stay inside (192 * 1024 * 4 bytes).
constexpr int64_t kBlockRows = 192;
// Multiply-adds below which waking a second thread costs more than it gives.
constexpr int64_t kSerialWork = 1 << 15;
// Multiply-adds of a task: some microseconds, so that handing out tasks costs
// little and threads end together.
constexpr int64_t kTaskWork = 1 << 18;
// A few rows cost as much as this many: then reading the weights counts.
constexpr int64_t kLeastRows = 8;
// Panels that a task takes at least, where there are rows for several in a
// tile.
constexpr int64_t kPanelUnit = 4;
// Beyond this depth x streams through the second-level cache once per task, so
// a task takes at least kDeepPanels.
constexpr int64_t kDeep = 4096;
constexpr int64_t kDeepPanels = 8;

// Panels of a task.
int64_t TaskPanels(int64_t rows, int64_t depth, int64_t panels, int threads) {
  const int64_t work =
      std::clamp(rows, kLeastRows, kBlockRows) * (depth + 1) * kPanelOutputs;
  // Never so many that a thread goes without.
  const int64_t most = (panels + threads - 1) / threads;
  const int64_t least = depth > kDeep ? std::min(kDeepPanels, most) : 1;
  const int64_t wanted = std::clamp(kTaskWork / work, least, most);
  if (rows > kPanelUnit) return wanted;
  return (wanted + kPanelUnit - 1) / kPanelUnit * kPanelUnit;
}

void RunMatMul(const MatMulCall& call, ThreadPool& pool) {
  const ConstMat& x = call.x;
  const Linear& w = *call.w;
  const Mat& y = call.y;
  R1_CHECK(x.cols == w.depth && y.cols == w.outputs && x.rows == y.rows,
           "MatMul: x [T, depth], y [T, outputs]");
  if (y.rows == 0 || y.cols == 0) return;
  const int64_t panels = (w.outputs + kPanelOutputs - 1) / kPanelOutputs;
  const bool is_serial =
      pool.num_threads() == 1 || x.rows * x.cols * w.outputs < kSerialWork;
  const int64_t task_panels =
      is_serial ? panels
                : TaskPanels(x.rows, w.depth, panels, pool.num_threads());
  const int64_t row_tasks = (y.rows + kBlockRows - 1) / kBlockRows;
  const int64_t panel_tasks = (panels + task_panels - 1) / task_panels;
  const auto run_task = [&](int64_t task, int) {
    const int64_t row = task / panel_tasks * kBlockRows;
    const int64_t panel = task % panel_tasks * task_panels;
    HWY_DYNAMIC_DISPATCH(RunBlock)
    (call, {row, std::min(row + kBlockRows, y.rows), panel,
            std::min(panel + task_panels, panels)});
  };
  if (is_serial) {
    for (int64_t task = 0; task < row_tasks; ++task) run_task(task, 0);
  } else {
    pool.ParallelFor(row_tasks * panel_tasks, run_task);
  }
}

}  // namespace

void CpuOps::MatMul(Tensor x, const Linear& w, Tensor bias, Tensor y) {
  R1_CHECK(bias.empty() || bias.count() == w.outputs, "MatMul: bias [outputs]");
  RunMatMul({x, &w, bias.empty() ? nullptr : ConstMat(bias).data, 0, y}, pool_);
}

void CpuOps::MatMulAdd(Tensor x, const Linear& w, Tensor start, Tensor y) {
  R1_CHECK(start.rows == y.rows && start.cols == y.cols,
           "MatMulAdd: start has the shape of y");
  RunMatMul({x, &w, ConstMat(start).data, start.stride, y}, pool_);
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
