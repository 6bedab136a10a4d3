// Moving rows: gather, scatter, copy, add, fill, scale.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_batch.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// y += x, of n elements.
HWY_INLINE void AddRow(const float* x, int64_t n, float* y) {
  const FloatTag d;
  Transform(d, n, y,
            [&](auto load) HWY_ATTR { return hn::Add(load(y), load(x)); });
}

// dx[ids[t]] += dy[t] for the columns that both views show.
void AddRowsAt(const int32_t* ids, ConstMat dy, Mat dx) {
  for (int64_t t = 0; t < dy.rows; ++t) {
    AddRow(dy.Row(t), dy.cols, dx.Row(ids[t]));
  }
}

void AddMatrix(ConstMat x, Mat y) {
  for (int64_t r = 0; r < x.rows; ++r) AddRow(x.Row(r), x.cols, y.Row(r));
}

void ScaleMatrix(float factor, Mat y) {
  const FloatTag d;
  for (int64_t r = 0; r < y.rows; ++r) {
    float* row = y.Row(r);
    Transform(d, y.cols, row, [&](auto load) HWY_ATTR {
      return hn::Mul(hn::Set(d, factor), load(row));
    });
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(AddRowsAt);
HWY_EXPORT(AddMatrix);
HWY_EXPORT(ScaleMatrix);

namespace {

void CheckSameShape(const Tensor& x, const Tensor& y) {
  R1_CHECK(x.rows == y.rows && x.cols == y.cols, "x and y have one shape");
}

}  // namespace

void CpuOps::GatherRows(Tensor x, Tensor ids, Tensor y) {
  R1_CHECK(ids.cols == y.rows && x.cols == y.cols,
           "GatherRows: x [N, C], ids [T], y [T, C]");
  const Ids rows = ids;
  const ConstMat from = x;
  const Mat to = y;
  CheckIds(rows, x.rows);
  ParallelRows(pool_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      std::copy_n(from.Row(rows.data[t]), y.cols, to.Row(t));
    }
  });
}

// Tokens of the same id meet in one row, so threads split columns.
void CpuOps::ScatterAddRows(Tensor dy, Tensor ids, Tensor dx) {
  R1_CHECK(ids.cols == dy.rows && dx.cols == dy.cols,
           "ScatterAddRows: dy [T, C], ids [T], dx [N, C]");
  CheckIds(ids, dx.rows);
  ParallelColumns(pool_, dy.rows, dy.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(AddRowsAt)
    (Ids(ids).data, dy.Cols(begin, end - begin), dx.Cols(begin, end - begin));
  });
}

void CpuOps::Copy(Tensor x, Tensor y) {
  CheckSameShape(x, y);
  const ConstMat from = x;
  const Mat to = y;
  ParallelRows(pool_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      std::copy_n(from.Row(r), x.cols, to.Row(r));
    }
  });
}

void CpuOps::Add(Tensor x, Tensor y) {
  CheckSameShape(x, y);
  ParallelRows(pool_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(AddMatrix)
    (x.Rows(begin, end - begin), y.Rows(begin, end - begin));
  });
}

// By columns where there is one row: all gradients of a model are a vector.
void CpuOps::Fill(float value, Tensor y) {
  const auto fill = [value](const Mat& part) {
    for (int64_t r = 0; r < part.rows; ++r) {
      std::fill_n(part.Row(r), part.cols, value);
    }
  };
  if (y.rows == 1) {
    ParallelColumns(pool_, 1, y.cols, [&](int64_t begin, int64_t end) {
      fill(y.Cols(begin, end - begin));
    });
    return;
  }
  ParallelRows(pool_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    fill(y.Rows(begin, end - begin));
  });
}

void CpuOps::Scale(float factor, Tensor y) {
  ParallelRows(pool_, y.rows, y.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(ScaleMatrix)(factor, y.Rows(begin, end - begin));
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
