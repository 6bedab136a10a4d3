// Products of matrices on the tensor cores: bf16 operands, fp32 sums.
//
// Operands begin at multiples of 16 bytes, and so do their rows; what lies
// between a row's end and the next may be anything. Extents are free, and may
// be zero.
#ifndef R1_KERNELS_CUDA_GEMM_H_
#define R1_KERNELS_CUDA_GEMM_H_

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/tensor.h"

namespace r1::cuda {

// y[t, n] = bias[n] or start[t, n] or 0 + sum_k x[t, k] w[n, k], the sum in the
// order of order.h: a row's bits depend neither on T nor on other rows.
// Shapes: x [T, K] and w [N, K] bf16, bias [1, N] and start [T, N] fp32 or
// empty, y [T, N] fp32 or bf16 (may be start), scratch [1, MatMulScratch(…) or
// more] fp32.
int64_t MatMulScratch(int64_t rows, int64_t outputs, int64_t depth);
void MatMul(Tensor x, Tensor w, Tensor bias, Tensor start, Tensor y,
            Tensor scratch, Stream& stream);

// The products of the backward pass are one chain of steps of 16, ascending,
// from `start` or from 0. So a sum may be cut between calls at multiples of 16.
//
// dx[t, k] = start[t, k] or 0 + sum_n dy[t, n] w[n, k].
// Shapes: dy [T, N] and w [N, K] bf16, start [T, K] fp32 or empty, dx [T, K]
// fp32 (may be start) or bf16.
void MatMulTransposed(Tensor dy, Tensor w, Tensor start, Tensor dx,
                      Stream& stream);
// dw[n, k] += sum_t dy[t, n] x[t, k]; the steps count from row 0 of the call.
// Shapes: dy [T, N] and x [T, K] bf16, dw [N, K] fp32.
void MatMulWeightGradient(Tensor dy, Tensor x, Tensor dw, Stream& stream);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_GEMM_H_
