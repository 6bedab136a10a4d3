// Products of matrices on the tensor cores: bf16 operands, fp32 sums.
//
// Every operand begins at a multiple of 16 bytes and its rows are a multiple of
// 8 elements apart; what lies between the columns and the stride may be
// anything. Extents are free, and may be zero.
#ifndef R1_KERNELS_CUDA_GEMM_H_
#define R1_KERNELS_CUDA_GEMM_H_

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace r1::cuda {

// A bf16 matrix; element (r, c) is data[r * stride + c].
struct Bf16Matrix {
  const bf16* data;
  int64_t stride;
};

struct GemmArgs {
  Bf16Matrix a, b;
  int m, n, k;
  int chunk;           // steps of k per chain; see order.h
  const float* bias;   // [n] or null
  const float* start;  // [m, n] or null; may be the output
  int64_t start_stride;
  void* y;  // [m, n]
  int64_t y_stride;
};

// y[m, n] = bias[n] or start[m, n] or 0 + sum_k x[m, k] w[n, k], x [m, k] in
// args.a, w [n, k] in args.b. `chunk` is set here. The sum is that of order.h:
// a row's bits depend neither on m nor on the other rows.
// partials: ForwardPartials(m, n, k) floats of scratch.
int64_t ForwardPartials(int m, int n, int k);
template <class Out>  // float or bf16
void LaunchForward(Stream stream, GemmArgs args, float* partials);

// The products of the backward pass are one chain of steps of 16, ascending,
// from `start` or from 0; whether a sum is cut between calls at a multiple of
// 16 does not show.
//
// dx[m, n] = start + sum_k dy[m, k] w[k, n], dy in args.a, w in args.b.
template <class Out>
void LaunchInputGradient(Stream stream, GemmArgs args);
// dw[m, n] += sum_t dy[t, m] x[t, n], t < k ascending: the k16 steps count from
// the first row of the packed batch. dy [k, m] in args.a, x [k, n] in args.b,
// dw in args.y.
void LaunchWeightGradient(Stream stream, GemmArgs args);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_GEMM_H_
