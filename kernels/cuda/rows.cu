// Copying, adding, filling, scaling, gathering and scattering rows: one thread
// for four columns.
#include "kernels/cuda/compat.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// The columns of this thread; false if there are none.
struct Place {
  int64_t row, col;
};
template <class T>
DEV bool FindPlace(const View<T>& y, Place* place) {
  const int64_t i = ThreadOfGrid();
  place->row = i / y.fours();
  place->col = i % y.fours() * 4;
  return place->row < y.rows;
}

template <class X, class Y>
__global__ void __launch_bounds__(kThreads) CopyKernel(View<X> x, View<Y> y) {
  Place at;
  if (FindPlace(y, &at)) Store4(Load4(x, at.row, at.col), y, at.row, at.col);
}

template <class X, class Y>
__global__ void __launch_bounds__(kThreads) AddKernel(View<X> x, View<Y> y) {
  Place at;
  if (!FindPlace(y, &at)) return;
  const Four more = Load4(x, at.row, at.col);
  Four sum = Load4(y, at.row, at.col);
#pragma unroll
  for (int i = 0; i < 4; ++i) sum.v[i] = sum.v[i] + more.v[i];
  Store4(sum, y, at.row, at.col);
}

template <class Y>
__global__ void __launch_bounds__(kThreads) FillKernel(float value, View<Y> y) {
  Place at;
  if (FindPlace(y, &at)) {
    Store4(Four{{value, value, value, value}}, y, at.row, at.col);
  }
}

template <class Y>
__global__ void __launch_bounds__(kThreads)
    ScaleKernel(float factor, View<Y> y) {
  Place at;
  if (!FindPlace(y, &at)) return;
  Four values = Load4(y, at.row, at.col);
#pragma unroll
  for (int i = 0; i < 4; ++i) values.v[i] = factor * values.v[i];
  Store4(values, y, at.row, at.col);
}

template <class X, class Y>
__global__ void __launch_bounds__(kThreads)
    GatherKernel(View<X> x, const int32_t* ids, View<Y> y) {
  Place at;
  if (!FindPlace(y, &at)) return;
  const int64_t id = ids[at.row];
  const float nan = __uint_as_float(0x7fffffff);
  const bool is_row = id >= 0 && id < x.rows;
  Store4(is_row ? Load4(x, id, at.col) : Four{{nan, nan, nan, nan}}, y, at.row,
         at.col);
}

// One id's columns: dx, then its rows ascending.
template <class X>
__global__ void __launch_bounds__(kThreads)
    ScatterAddKernel(View<X> dy, int64_t groups, const int32_t* ids,
                     const int32_t* begins, const int32_t* rows,
                     View<float> dx) {
  const int64_t i = ThreadOfGrid();
  const int64_t group = i / dx.fours(), col = i % dx.fours() * 4;
  if (group >= groups) return;
  Four sum = Load4(dx, ids[group], col);
  for (int32_t r = begins[group]; r < begins[group + 1]; ++r) {
    const Four more = Load4(dy, rows[r], col);
#pragma unroll
    for (int e = 0; e < 4; ++e) sum.v[e] = sum.v[e] + more.v[e];
  }
  Store4(sum, dx, ids[group], col);
}

void CheckSameShape(const Tensor& x, const Tensor& y) {
  R1_CHECK(x.rows == y.rows && x.cols == y.cols, "x and y are [N, C]");
}

// Views of x and y, in one row where both are dense.
template <class X, class Y, class F>
void WithViews(const Tensor& x, const Tensor& y, F f) {
  CheckSameShape(x, y);
  if (x.is_dense() && y.is_dense()) {
    f(FlatViewOf<X>(x), FlatViewOf<Y>(y));
  } else {
    f(ViewOf<X>(x), ViewOf<Y>(y));
  }
}

template <class Y>
GridSize GridOf(const View<Y>& y, SourceLine where = SourceLine::Current()) {
  return GridSize(BlocksFor(y.rows * y.fours()), 1, 1, where);
}

}  // namespace

void Copy(Tensor x, Tensor y, Stream& stream) {
  if (y.empty()) return CheckSameShape(x, y);
  WithFormats(x.dtype, y.dtype, [&](auto fx, auto fy) {
    using X = typename decltype(fx)::Type;
    using Y = typename decltype(fy)::Type;
    WithViews<X, Y>(x, y, [&](View<X> from, View<Y> to) {
      Launch(CopyKernel<X, Y>, GridOf(to), kThreads, 0, stream, from, to);
    });
  });
}

void Add(Tensor x, Tensor y, Stream& stream) {
  if (y.empty()) return CheckSameShape(x, y);
  WithFormats(x.dtype, y.dtype, [&](auto fx, auto fy) {
    using X = typename decltype(fx)::Type;
    using Y = typename decltype(fy)::Type;
    WithViews<X, Y>(x, y, [&](View<X> from, View<Y> to) {
      Launch(AddKernel<X, Y>, GridOf(to), kThreads, 0, stream, from, to);
    });
  });
}

void Fill(float value, Tensor y, Stream& stream) {
  if (y.empty()) return;
  WithFormat(y.dtype, [&](auto format) {
    using Y = typename decltype(format)::Type;
    const View<Y> to = FlatViewOf<Y>(y);
    Launch(FillKernel<Y>, GridOf(to), kThreads, 0, stream, value, to);
  });
}

void Scale(float factor, Tensor y, Stream& stream) {
  if (y.empty()) return;
  WithFormat(y.dtype, [&](auto format) {
    using Y = typename decltype(format)::Type;
    const View<Y> to = FlatViewOf<Y>(y);
    Launch(ScaleKernel<Y>, GridOf(to), kThreads, 0, stream, factor, to);
  });
}

void GatherRows(Tensor x, Tensor ids, Tensor y, Stream& stream) {
  R1_CHECK(x.cols == y.cols && ids.count() == y.rows && ids.is_dense(),
           "GatherRows: x [N, C], ids [T], y [T, C]");
  if (y.empty()) return;
  WithFormats(x.dtype, y.dtype, [&](auto fx, auto fy) {
    using X = typename decltype(fx)::Type;
    using Y = typename decltype(fy)::Type;
    const View<Y> to = ViewOf<Y>(y);
    Launch(GatherKernel<X, Y>, GridOf(to), kThreads, 0, stream, ViewOf<X>(x),
           ViewOf<int32_t>(ids).data, to);
  });
}

void ScatterAddRows(Tensor dy, const RowGroups& groups, Tensor dx,
                    Stream& stream) {
  const int64_t count = groups.ids.count();
  R1_CHECK(dy.cols == dx.cols && groups.rows.count() == dy.rows &&
               (count == 0 || groups.begins.count() == count + 1),
           "ScatterAddRows: dy [T, C], dx [N, C], T rows in groups");
  if (dy.empty()) return;
  WithFormat(dy.dtype, [&](auto format) {
    using X = typename decltype(format)::Type;
    const View<float> to = ViewOf<float>(dx);
    Launch(ScatterAddKernel<X>, BlocksFor(count * to.fours()), kThreads, 0,
           stream, ViewOf<X>(dy), count, ViewOf<int32_t>(groups.ids).data,
           ViewOf<int32_t>(groups.begins).data,
           ViewOf<int32_t>(groups.rows).data, to);
  });
}

}  // namespace r1::cuda
