#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pack.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// panel[k * kPanelOutputs + i] = w[i, k] for all rows of w. Goes block by block
// over k: a block of the panel stays in the first-level cache while its rows
// are read in runs that the hardware prefetches.
void PackRows(ConstMat w, float* panel) {
  constexpr int64_t kBlock = 128;
  for (int64_t k = 0; k < w.cols; k += kBlock) {
    const int64_t depth = std::min(kBlock, w.cols - k);
    for (int64_t i = 0; i < w.rows; i += 4) {
      Transpose(w.Row(i) + k, std::min<int64_t>(4, w.rows - i), depth, w.stride,
                panel + k * kPanelOutputs + i, kPanelOutputs);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(PackRows);

namespace {

// Outputs are rows: panels [begin, begin + kPanelOutputs) of the concatenation.
void PackForwardPanel(absl::Span<const ConstMat> parts, int64_t begin,
                      float* panel) {
  int64_t first = 0;  // row of the concatenation where the part starts
  for (const ConstMat& part : parts) {
    const int64_t from = std::max(begin, first);
    const int64_t to = std::min(begin + kPanelOutputs, first + part.rows);
    if (from < to) {
      HWY_DYNAMIC_DISPATCH(PackRows)
      (part.Rows(from - first, to - from), panel + (from - begin));
    }
    first += part.rows;
  }
}

// Outputs are columns: columns [begin, begin + count) of all rows in turn.
void PackBackwardPanel(absl::Span<const ConstMat> parts, int64_t begin,
                       int64_t count, float* panel) {
  for (const ConstMat& part : parts) {
    for (int64_t r = 0; r < part.rows; ++r, panel += kPanelOutputs) {
      std::memcpy(panel, part.Row(r) + begin, count * sizeof(float));
    }
  }
}

// Zeros the outputs that only pad the last panel.
void ClearPadding(int64_t count, int64_t depth, float* panel) {
  for (int64_t k = 0; k < depth; ++k) {
    std::fill(panel + k * kPanelOutputs + count,
              panel + (k + 1) * kPanelOutputs, 0.0f);
  }
}

}  // namespace

void Pack(ThreadPool& pool, absl::Span<const ConstMat> parts, PackOrder order,
          PackedMatrix* packed) {
  R1_CHECK(!parts.empty(), "a packed matrix has a part");
  const int64_t cols = parts[0].cols;
  int64_t rows = 0;
  for (const ConstMat& part : parts) {
    R1_CHECK(part.cols == cols, "parts of a packed matrix have equal columns");
    rows += part.rows;
  }
  const bool is_forward = order == PackOrder::kForward;
  packed->outputs = is_forward ? rows : cols;
  packed->depth = is_forward ? cols : rows;
  const int64_t panels = (packed->outputs + kPanelOutputs - 1) / kPanelOutputs;
  const int64_t panel_size = packed->depth * kPanelOutputs;
  packed->data.Reserve(panels * panel_size);
  pool.ParallelFor(panels, [&](int64_t p, int) {
    float* panel = packed->data.data() + p * panel_size;
    const int64_t begin = p * kPanelOutputs;
    const int64_t count =
        std::min<int64_t>(kPanelOutputs, packed->outputs - begin);
    if (is_forward) {
      PackForwardPanel(parts, begin, panel);
    } else {
      PackBackwardPanel(parts, begin, count, panel);
    }
    if (count < kPanelOutputs) ClearPadding(count, packed->depth, panel);
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
