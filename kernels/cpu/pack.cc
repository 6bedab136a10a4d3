#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/cpu/matmul.h"

namespace r1::cpu {
namespace {

constexpr int64_t kBlock = 16;  // floats of a cache line

// panel[k * kPanelOutputs + i] = w[i, k] for `count` rows of w. Goes block by
// block over k so that both sides move whole cache lines.
void PackRows(ConstMat w, int64_t count, float* panel) {
  for (int64_t begin = 0; begin < w.cols; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, w.cols);
    for (int64_t i = 0; i < count; ++i) {
      const float* row = w.Row(i);
      for (int64_t k = begin; k < end; ++k) {
        panel[k * kPanelOutputs + i] = row[k];
      }
    }
  }
}

// Outputs are rows: panels [begin, begin + kPanelOutputs) of the concatenation.
void PackForwardPanel(absl::Span<const ConstMat> parts, int64_t begin,
                      float* panel) {
  int64_t first = 0;  // row of the concatenation where the part starts
  for (const ConstMat& part : parts) {
    const int64_t from = std::max(begin, first);
    const int64_t to = std::min(begin + kPanelOutputs, first + part.rows);
    if (from < to) {
      PackRows(part.Rows(from - first, to - from), to - from,
               panel + (from - begin));
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
