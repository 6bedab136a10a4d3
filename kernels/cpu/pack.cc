#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pack.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// Stores 128-bit block q of v at to + 4 q * kPanelOutputs.
template <class D>
HWY_INLINE void StoreBlocks(D d, hn::Vec<D> v, float* to) {
  if constexpr (hn::MaxLanes(d) <= 4) {
    hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    StoreBlocks(half, hn::LowerHalf(half, v), to);
    StoreBlocks(half, hn::UpperHalf(half, v),
                to + hn::Lanes(half) * kPanelOutputs);
  }
}

// panel[k * kPanelOutputs + i] = row i [k] for four rows and Lanes values of k:
// two rounds of interleaving leave, in every block, one k of all four rows.
HWY_INLINE void TransposeFour(const float* rows, int64_t stride, float* panel) {
  const FloatTag d;
  const FloatVec r0 = hn::LoadU(d, rows);
  const FloatVec r1 = hn::LoadU(d, rows + stride);
  const FloatVec r2 = hn::LoadU(d, rows + 2 * stride);
  const FloatVec r3 = hn::LoadU(d, rows + 3 * stride);
  const FloatVec low02 = hn::InterleaveLower(d, r0, r2);
  const FloatVec low13 = hn::InterleaveLower(d, r1, r3);
  const FloatVec high02 = hn::InterleaveUpper(d, r0, r2);
  const FloatVec high13 = hn::InterleaveUpper(d, r1, r3);
  StoreBlocks(d, hn::InterleaveLower(d, low02, low13), panel);
  StoreBlocks(d, hn::InterleaveUpper(d, low02, low13), panel + kPanelOutputs);
  StoreBlocks(d, hn::InterleaveLower(d, high02, high13),
              panel + 2 * kPanelOutputs);
  StoreBlocks(d, hn::InterleaveUpper(d, high02, high13),
              panel + 3 * kPanelOutputs);
}
#endif

// panel[k * kPanelOutputs + i] = w[i, k] for all rows of w. Goes block by block
// over k: a block of the panel stays in the first-level cache while its rows
// are read in runs that the hardware prefetches.
void PackRows(ConstMat w, float* panel) {
  constexpr int64_t kBlock = 128;
  for (int64_t begin = 0; begin < w.cols; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, w.cols);
    for (int64_t i = 0; i < w.rows;) {
      int64_t k = begin;
      const int64_t count = i + 4 <= w.rows ? 4 : 1;
#if HWY_TARGET != HWY_SCALAR
      const int64_t lanes = hn::Lanes(FloatTag());
      for (; count == 4 && k + lanes <= end; k += lanes) {
        TransposeFour(w.Row(i) + k, w.stride, panel + k * kPanelOutputs + i);
      }
#endif
      for (; k < end; ++k) {
        for (int64_t j = i; j < i + count; ++j) {
          panel[k * kPanelOutputs + j] = w.Row(j)[k];
        }
      }
      i += count;
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
