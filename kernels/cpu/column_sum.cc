// Gradient of a bias: the sum over tokens.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/column_sum.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

void AddRowsTo(ConstMat dy, float* db) {
  const FloatTag d;
  for (int64_t t = 0; t < dy.rows; ++t) {
    const float* row = dy.Row(t);
    Transform(d, dy.cols, db,
              [&](auto load) HWY_ATTR { return hn::Add(load(db), load(row)); });
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(AddRowsTo);

void CpuOps::ColumnSum(Tensor dy, Tensor db) {
  R1_CHECK(dy.cols == db.count(), "ColumnSum: dy [T, N], db [N]");
  ParallelColumns(pool_, dy.rows, dy.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(AddRowsTo)
    (dy.Cols(begin, end - begin), Mat(db).data + begin);
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
