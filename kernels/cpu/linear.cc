// Weight matrices in the layout of kernels/cpu/panel.h.
#include "kernels/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/bf16-inl.h"
#include "kernels/cpu/cpu_batch.h"
#include "kernels/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/panel.h"
#include "kernels/cpu/parallel.h"
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

// One panel of the transposed matrix: outputs are the columns [begin, begin +
// count) of w, depth its rows [first, first + rows), of which the first stands
// at the start of a panel of w.
void TransposePanel(const Linear& w, int64_t begin, int64_t count,
                    int64_t first, int64_t rows, float* to) {
  HWY_ALIGN float expanded[kPanelOutputs * kPanelOutputs];
  for (int64_t n = 0; n < rows; n += kPanelOutputs) {
    const int64_t at = (first + n) * w.depth + begin * kPanelOutputs;
    const float* from = expanded;
    if (w.dtype == DType::kF32) {
      from = FloatsOf(w.data) + at;
    } else {
      ExpandBf16(Bf16Of(w) + at, count * kPanelOutputs, expanded);
    }
    Transpose(from, count, std::min<int64_t>(kPanelOutputs, rows - n),
              kPanelOutputs, to + n * kPanelOutputs, kPanelOutputs);
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1 {
namespace {

using cpu::kPanelOutputs;

int64_t NumPanels(int64_t outputs) {
  return (outputs + kPanelOutputs - 1) / kPanelOutputs;
}

// Where element 0 of row `row` is in the data; the others follow
// kPanelOutputs apart.
int64_t RowBegin(const Linear& w, int64_t row) {
  return row / kPanelOutputs * kPanelOutputs * w.depth + row % kPanelOutputs;
}

// Calls fn(element, its place in the data) for the elements [begin, begin +
// size) of W.
template <typename Fn>
void ForEachElement(const Linear& w, int64_t begin, int64_t size, Fn fn) {
  R1_CHECK(begin >= 0 && begin + size <= w.count(), "the elements lie in W");
  for (int64_t i = 0; i < size;) {
    const int64_t row = (begin + i) / w.depth, k = (begin + i) % w.depth;
    const int64_t end = std::min(size, i + w.depth - k);
    int64_t at = RowBegin(w, row) + k * kPanelOutputs;
    for (; i < end; ++i, at += kPanelOutputs) fn(i, at);
  }
}

}  // namespace

namespace cpu {
HWY_EXPORT(PackRows);
HWY_EXPORT(TransposePanel);

void Cpu::ReadLinear(const Linear& w, int64_t begin, absl::Span<float> out) {
  ForEachElement(w, begin, out.size(), [&](int64_t i, int64_t at) {
    out[i] =
        w.dtype == DType::kF32 ? FloatsOf(w.data)[at] : FromBf16(Bf16Of(w)[at]);
  });
}

void Cpu::WriteLinear(absl::Span<const float> values, int64_t begin,
                      Linear* w) {
  ForEachElement(*w, begin, values.size(), [&](int64_t i, int64_t at) {
    if (w->dtype == DType::kF32) {
      FloatsOf(w->data)[at] = values[i];
    } else {
      Bf16Of(*w)[at] = ToBf16(values[i]);
    }
  });
}

int64_t Cpu::LinearBytes(int64_t outputs, int64_t depth, DType dtype) const {
  return NumPanels(outputs) * kPanelOutputs * depth * BytesOf(dtype);
}

void Cpu::ResizeLinear(int64_t outputs, int64_t depth, Linear* w) {
  w->outputs = outputs;
  w->depth = depth;
  const int64_t panel = kPanelOutputs * depth * BytesOf(w->dtype);
  if (w->data.device() != this) w->data = Buffer(this);
  w->data.Reserve(LinearBytes(outputs, depth, w->dtype) / sizeof(float));
  // The outputs that only pad the last panel are zero.
  if (outputs % kPanelOutputs == 0 || depth == 0) return;
  std::memset(static_cast<char*>(DeviceAccess::Pointer(w->data.at())) +
                  (NumPanels(outputs) - 1) * panel,
              0, panel);
}

void CpuOps::SetLinear(absl::Span<const Tensor> parts, Linear* w) {
  R1_CHECK(!parts.empty(), "a weight matrix has a part");
  int64_t rows = 0;
  for (const Tensor& part : parts) {
    R1_CHECK(part.cols == parts[0].cols,
             "parts of a weight matrix have equal columns");
    rows += part.rows;
  }
  device()->ResizeLinear(rows, parts[0].cols, w);
  const int64_t size = kPanelOutputs * w->depth;
  const bool is_f32 = w->dtype == DType::kF32;
  pool_.ParallelFor(NumPanels(rows), [&](int64_t p, int) {
    std::vector<float> exact(is_f32 ? 0 : size);
    float* panel = is_f32 ? FloatsOf(w->data) + p * size : exact.data();
    const int64_t begin = p * kPanelOutputs;
    int64_t first = 0;  // row of the concatenation where the part starts
    for (const Tensor& part : parts) {
      const int64_t from = std::max(begin, first);
      const int64_t to = std::min(begin + kPanelOutputs, first + part.rows);
      if (from < to) {
        HWY_DYNAMIC_DISPATCH(PackRows)
        (part.Rows(from - first, to - from), panel + (from - begin));
      }
      first += part.rows;
    }
    for (size_t i = 0; i < exact.size(); ++i) {
      Bf16Of(*w)[p * size + i] = ToBf16(exact[i]);
    }
  });
}

void CpuOps::LinearRows(const Linear& w, Tensor rows, Tensor out) {
  const Ids ids = rows;
  const Mat y = out;
  R1_CHECK(ids.cols == y.rows && w.depth == y.cols,
           "LinearRows: ids [T], w [N, C], y [T, C]");
  CheckIds(ids, w.outputs);
  ParallelRows(pool_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      device()->ReadLinear(w, ids.data[t] * w.depth,
                           absl::MakeSpan(y.Row(t), y.cols));
    }
  });
}

void CpuOps::MatMulTransposed(Tensor dy, const Linear& w, Tensor dx) {
  TransposedLinear(*this, pool_, w, &scratch_.transposed).MatMul(dy, dx);
}

TransposedLinear::TransposedLinear(Ops& ops, ThreadPool& pool, const Linear& w,
                                   Linear* scratch)
    : ops_(ops),
      pool_(pool),
      w_(w),
      piece_(*scratch),
      rows_(std::max<int64_t>(kPanelOutputs,
                              kPieceElements / std::max<int64_t>(1, w.depth) /
                                  kPanelOutputs * kPanelOutputs)) {}

void TransposedLinear::MatMul(ConstMat dy, Mat dx) {
  R1_CHECK(dy.cols == w_.outputs && dx.cols == w_.depth && dx.rows == dy.rows,
           "MatMulTransposed: dy [T, outputs], dx [T, depth]");
  for (int64_t begin = 0; begin < std::max<int64_t>(1, w_.outputs);
       begin += rows_) {
    const int64_t rows = std::min(rows_, w_.outputs - begin);
    Load(begin, rows);
    const ConstMat part = dy.Cols(begin, rows);
    if (begin == 0) {
      ops_.MatMul(part, piece_, {}, dx);
    } else {
      ops_.MatMulAdd(part, piece_, dx, dx);
    }
  }
}

void TransposedLinear::Load(int64_t begin, int64_t rows) {
  if (begin == loaded_) return;
  loaded_ = begin;
  ops_.device()->ResizeLinear(w_.depth, rows, &piece_);
  pool_.ParallelFor(NumPanels(w_.depth), [&](int64_t p, int) {
    const int64_t output = p * kPanelOutputs;
    HWY_DYNAMIC_DISPATCH(TransposePanel)
    (w_, output, std::min<int64_t>(kPanelOutputs, w_.depth - output), begin,
     rows, FloatsOf(piece_.data) + output * rows);
  });
}

}  // namespace cpu
}  // namespace r1
#endif  // HWY_ONCE
