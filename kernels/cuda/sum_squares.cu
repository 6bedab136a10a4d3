// Sum of squares in double, for the gradient norm. A product of two floats is
// exact in double; only the additions round.
#include "kernels/cuda/compat.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/order.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

__global__ void __launch_bounds__(kThreads)
    BlockSquaresKernel(View<float> x, double* sums) {
  STATIC_SHARED(double, of_thread, kThreads);
  const int64_t begin = blockIdx.x * kSumSquaresBlock;
  double sum = 0;
  for (int64_t i = threadIdx.x * 4; i < kSumSquaresBlock; i += kThreads * 4) {
    if (begin + i >= x.cols) break;
    const Four values = Load4(x, 0, begin + i);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const double value = values.v[e];
      sum = sum + value * value;
    }
  }
  of_thread[threadIdx.x] = sum;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      of_thread[threadIdx.x] =
          of_thread[threadIdx.x] + of_thread[threadIdx.x + half];
    }
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = of_thread[0];
}

// One block: pairs of neighbours, then pairs of those, until sums[0] is all.
__global__ void __launch_bounds__(kThreads)
    TreeSumKernel(double* sums, int64_t count) {
  for (int64_t stride = 1; stride < count; stride *= 2) {
    for (int64_t b = threadIdx.x * 2 * stride; b + stride < count;
         b += kThreads * 2 * stride) {
      sums[b] = sums[b] + sums[b + stride];
    }
    __syncthreads();
  }
}

__global__ void ZeroKernel(double* sum) { *sum = 0; }

}  // namespace

int64_t SumSquaresBlocks(int64_t count) {
  if (count == 0) return 1;  // for the sum
  return (count + kSumSquaresBlock - 1) / kSumSquaresBlock;
}

void SumSquares(Tensor x, DevicePtr sums, Stream& stream) {
  R1_CHECK(x.is_dense(), "SumSquares: x has no gaps");
  double* const out = static_cast<double*>(DeviceAccess::Pointer(sums));
  if (x.empty()) return Launch(ZeroKernel, 1, 1, 0, stream, out);
  const int64_t blocks = SumSquaresBlocks(x.count());
  Launch(BlockSquaresKernel, blocks, kThreads, 0, stream, FlatViewOf<float>(x),
         out);
  if (blocks > 1) {
    Launch(TreeSumKernel, 1, kThreads, 0, stream, out, blocks);
  }
}

}  // namespace r1::cuda
