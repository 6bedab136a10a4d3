// Look-up of token embeddings and its gradient.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embedding.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <cstring>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// dtable[ids[t]] += dy[t] for the columns that both views show.
void AddRows(absl::Span<const int32_t> ids, ConstMat dy, Mat dtable) {
  const FloatTag d;
  for (int64_t t = 0; t < dy.rows; ++t) {
    const float* from = dy.Row(t);
    float* to = dtable.Row(ids[t]);
    Transform(d, dy.cols, to, [&](auto load) HWY_ATTR {
      return hn::Add(load(to), load(from));
    });
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(AddRows);

namespace {

void CheckIds(absl::Span<const int32_t> ids, int64_t vocabulary) {
  for (const int32_t id : ids) {
    R1_CHECK(id >= 0 && id < vocabulary, "token ids lie in the vocabulary");
  }
}

}  // namespace

void CpuOps::EmbeddingForward(absl::Span<const int32_t> ids, ConstMat table,
                              Mat y) {
  R1_CHECK(ids.size() == y.rows && table.cols == y.cols,
           "EmbeddingForward: ids [T], table [V, C], y [T, C]");
  CheckIds(ids, table.rows);
  ParallelRows(pool_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      std::memcpy(y.Row(t), table.Row(ids[t]), y.cols * sizeof(float));
    }
  });
}

// Tokens of the same id meet in one row, so threads split columns.
void CpuOps::EmbeddingBackward(absl::Span<const int32_t> ids, ConstMat dy,
                               Mat dtable) {
  R1_CHECK(ids.size() == dy.rows && dtable.cols == dy.cols,
           "EmbeddingBackward: ids [T], dy [T, C], dtable [V, C]");
  CheckIds(ids, dtable.rows);
  ParallelColumns(pool_, dy.rows, dy.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(AddRows)
    (ids, dy.Cols(begin, end - begin), dtable.Cols(begin, end - begin));
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
