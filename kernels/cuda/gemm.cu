// Which tile, and how many blocks, a product takes.
#include <algorithm>

#include "base/check.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/order.h"

namespace r1::cuda {
namespace {

// Up to so many rows the chunks of a product go to blocks of their own: fewer
// leave too few blocks, more would write more partials than weights are read.
constexpr int kSplitRows = 64;

bool IsSplit(int m, int n, int k) {
  return m <= kSplitRows && NumChunks(n, k) > 1;
}

void CheckOperand(const Bf16Matrix& x) {
  R1_CHECK(reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.stride % 8 == 0,
           "rows of an operand begin at multiples of 16 bytes");
}

template <class T>
Dim3 GridOf(const GemmArgs& p, int chunks = 1) {
  return {static_cast<unsigned>((p.n + T::BN - 1) / T::BN),
          static_cast<unsigned>((p.m + T::BM - 1) / T::BM),
          static_cast<unsigned>(chunks)};
}

template <class T, class Out>
void LaunchTile(Stream stream, const GemmArgs& p, float* partials) {
  if constexpr (T::BM <= kSplitRows) {
    if (IsSplit(p.m, p.n, p.k)) {
      const int chunks = NumChunks(p.n, p.k);
      GemmArgs part = p;
      part.y = partials;
      Launch(stream, ChunkKernel<T>, GridOf<T>(p, chunks), T::kThreads,
             T::kSharedBytes, part);
      const int64_t count = int64_t{1} * p.m * p.n;
      const unsigned blocks =
          static_cast<unsigned>(std::min<int64_t>((count + 255) / 256, 1024));
      const float* const sums = partials;
      Launch(stream, AddChunksKernel<Out>, Dim3(blocks), 256, 0, p, sums,
             chunks);
      return;
    }
  }
  Launch(stream, ForwardKernel<T, Out>, GridOf<T>(p), T::kThreads,
         T::kSharedBytes, p);
}

}  // namespace

int64_t ForwardPartials(int m, int n, int k) {
  return IsSplit(m, n, k) ? int64_t{1} * m * n * NumChunks(n, k) : 0;
}

// The tile depends on m alone and is schedule alone.
template <class Out>
void LaunchForward(Stream stream, GemmArgs p, float* partials) {
  if (p.m == 0 || p.n == 0) return;
  CheckOperand(p.a);
  CheckOperand(p.b);
  p.chunk = ChunkDepth(p.n, p.k);
  if (p.m <= 16) {
    LaunchTile<Rows16, Out>(stream, p, partials);
  } else if (p.m <= 64) {
    LaunchTile<Rows64, Out>(stream, p, partials);
  } else {
    LaunchTile<Rows128, Out>(stream, p, partials);
  }
}
template void LaunchForward<float>(Stream, GemmArgs, float*);
template void LaunchForward<bf16>(Stream, GemmArgs, float*);

template <class Out>
void LaunchInputGradient(Stream stream, GemmArgs p) {
  if (p.m == 0 || p.n == 0) return;
  CheckOperand(p.a);
  CheckOperand(p.b);
  p.chunk = std::max(kStageDepth, (p.k + 63) / 64 * 64);
  Launch(stream, ChainKernel<Rows128, false, Out>, GridOf<Rows128>(p),
         Rows128::kThreads, Rows128::kSharedBytes, p);
}
template void LaunchInputGradient<float>(Stream, GemmArgs);
template void LaunchInputGradient<bf16>(Stream, GemmArgs);

void LaunchWeightGradient(Stream stream, GemmArgs p) {
  if (p.m == 0 || p.n == 0 || p.k == 0) return;
  CheckOperand(p.a);
  CheckOperand(p.b);
  p.chunk = (p.k + 63) / 64 * 64;
  p.start = static_cast<const float*>(p.y);
  p.start_stride = p.y_stride;
  Launch(stream, ChainKernel<Rows128, true, float>, GridOf<Rows128>(p),
         Rows128::kThreads, Rows128::kSharedBytes, p);
}

}  // namespace r1::cuda
