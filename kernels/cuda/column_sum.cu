// Sums over rows: partial sums of kRowsPerPartial rows, then those in order.
#include "kernels/cuda/compat.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/order.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// Grid (column groups, partials).
template <class X>
__global__ void __launch_bounds__(kThreads)
    PartialSumKernel(View<X> dy, View<float> partials) {
  const int64_t col = ThreadOfGrid() * 4, partial = blockIdx.y;
  if (col >= dy.cols) return;
  const int64_t begin = partial * kRowsPerPartial;
  const int64_t end =
      begin + kRowsPerPartial < dy.rows ? begin + kRowsPerPartial : dy.rows;
  Four sum = {};
  for (int64_t t = begin; t < end; ++t) {
    const Four more = Load4(dy, t, col);
#pragma unroll
    for (int i = 0; i < 4; ++i) sum.v[i] = sum.v[i] + more.v[i];
  }
  Store4(sum, partials, partial, col);
}

__global__ void __launch_bounds__(kThreads)
    AddPartialsKernel(View<float> partials, float* db) {
  const int64_t col = ThreadOfGrid();
  if (col >= partials.cols) return;
  float sum = db[col];
  for (int64_t p = 0; p < partials.rows; ++p) sum = sum + partials.Row(p)[col];
  db[col] = sum;
}

}  // namespace

int64_t Partials(int64_t rows) {
  return (rows + kRowsPerPartial - 1) / kRowsPerPartial;
}

void AddPartials(Tensor partials, Tensor db, Stream& stream) {
  R1_CHECK(db.count() == partials.cols && db.is_dense(),
           "partials [P, C], db [C]");
  if (partials.empty()) return;
  Launch(AddPartialsKernel, BlocksFor(partials.cols), kThreads, 0, stream,
         ViewOf<float>(partials), ViewOf<float>(db).data);
}

void ColumnSum(Tensor dy, Tensor db, Tensor scratch, Stream& stream) {
  if (dy.empty()) return;
  R1_CHECK(scratch.rows == Partials(dy.rows) && scratch.cols == dy.cols,
           "ColumnSum: dy [T, C], scratch [Partials(T), C]");
  WithFormat(dy.dtype, [&](auto format) {
    using X = typename decltype(format)::Type;
    const View<X> from = ViewOf<X>(dy);
    Launch(PartialSumKernel<X>, {BlocksFor(from.fours()), scratch.rows},
           kThreads, 0, stream, from, ViewOf<float>(scratch));
  });
  AddPartials(scratch, db, stream);
}

}  // namespace r1::cuda
