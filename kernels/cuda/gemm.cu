// Which tile, and how many blocks, a product takes.
#include <algorithm>

#include "base/check.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/gemm_args.h"
#include "kernels/cuda/order.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// Up to so many rows the chunks of a product go to blocks of their own: fewer
// leave too few blocks, more would write more partials than weights are read.
constexpr int kMaxSplitRows = 64;

bool IsSplit(int64_t rows, int64_t outputs, int64_t depth) {
  return rows <= kMaxSplitRows && NumChunks(outputs, depth) > 1;
}

template <class T>
GridSize GridOf(const GemmArgs& p, int chunks = 1,
                SourceLine where = SourceLine::Current()) {
  return GridSize((p.n + T::BN - 1) / T::BN, (p.m + T::BM - 1) / T::BM, chunks,
                  where);
}

template <class T, class Out>
void LaunchForward(const GemmArgs& p, const Tensor& scratch, Stream& stream) {
  if constexpr (T::BM <= kMaxSplitRows) {
    if (IsSplit(p.m, p.n, p.k)) {
      R1_CHECK(scratch.count() >= MatMulScratch(p.m, p.n, p.k),
               "MatMul: scratch");
      GemmArgs part = p;
      part.y = ViewOf<float>(scratch).data;
      const int chunks = NumChunks(p.n, p.k);
      Launch(ChunkKernel<T>, GridOf<T>(p, chunks), T::kThreads, T::kSharedBytes,
             stream, part);
      Launch(AddChunksKernel<Out>, BlocksFor(int64_t{p.m} * p.n), kThreads, 0,
             stream, p, static_cast<const float*>(part.y), chunks);
      return;
    }
  }
  Launch(ForwardKernel<T, Out>, GridOf<T>(p), T::kThreads, T::kSharedBytes,
         stream, p);
}

}  // namespace

int64_t MatMulScratch(int64_t rows, int64_t outputs, int64_t depth) {
  if (!IsSplit(rows, outputs, depth)) return 0;
  return rows * outputs * NumChunks(outputs, depth);
}

// The tile depends on the number of rows alone and is schedule alone.
void MatMul(Tensor x, Tensor w, Tensor bias, Tensor start, Tensor y,
            Tensor scratch, Stream& stream) {
  R1_CHECK(x.cols == w.cols && y.cols == w.rows && x.rows == y.rows,
           "MatMul: x [T, K], w [N, K], y [T, N]");
  R1_CHECK(bias.empty() || (bias.count() == w.rows && bias.is_dense()),
           "MatMul: bias [N]");
  if (y.empty()) return;
  GemmArgs p = ProductArgs(x, w, x.cols, start, y);
  p.chunk = ChunkDepth(p.n, p.k);
  p.bias = bias.empty() ? nullptr : ViewOf<float>(bias).data;
  WithFormat(y.dtype, [&](auto format) {
    using Out = typename decltype(format)::Type;
    if (p.m <= 16) {
      LaunchForward<Rows16, Out>(p, scratch, stream);
    } else if (p.m <= 64) {
      LaunchForward<Rows64, Out>(p, scratch, stream);
    } else {
      LaunchForward<Rows128, Out>(p, scratch, stream);
    }
  });
}

void MatMulTransposed(Tensor dy, Tensor w, Tensor start, Tensor dx,
                      Stream& stream) {
  R1_CHECK(dy.cols == w.rows && dx.cols == w.cols && dx.rows == dy.rows,
           "MatMulTransposed: dy [T, N], w [N, K], dx [T, K]");
  if (dx.empty()) return;
  const GemmArgs p = ProductArgs(dy, w, dy.cols, start, dx);
  WithFormat(dx.dtype, [&](auto format) {
    using Out = typename decltype(format)::Type;
    Launch(ChainKernel<Rows128, false, Out>, GridOf<Rows128>(p),
           Rows128::kThreads, Rows128::kSharedBytes, stream, p);
  });
}

void MatMulWeightGradient(Tensor dy, Tensor x, Tensor dw, Stream& stream) {
  R1_CHECK(dy.rows == x.rows && dw.rows == dy.cols && dw.cols == x.cols &&
               dw.dtype == DType::kF32,
           "MatMulWeightGradient: dy [T, N], x [T, K], dw [N, K] in fp32");
  if (dw.empty() || x.rows == 0) return;
  const GemmArgs p = ProductArgs(dy, x, x.rows, dw, dw);
  Launch(ChainKernel<Rows128, true, float>, GridOf<Rows128>(p),
         Rows128::kThreads, Rows128::kSharedBytes, stream, p);
}

}  // namespace r1::cuda
