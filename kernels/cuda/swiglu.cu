// silu(gate) * up and its gradient, in bf16: one thread for four columns.
#include "kernels/cuda/compat.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// 1 / (1 + e^-x).
DEV float Sigmoid(float x) {
  return 1.0f / (1.0f + exp2_fast(-1.44269504f * x));
}

// gate and up are the halves of gate_up.
__global__ void __launch_bounds__(kThreads)
    SwiGluForwardKernel(View<bf16> gate, View<bf16> up, View<bf16> y) {
  const int64_t i = ThreadOfGrid();
  const int64_t row = i / y.fours(), col = i % y.fours() * 4;
  if (row >= y.rows) return;
  Four g = Load4(gate, row, col);
  const Four u = Load4(up, row, col);
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    g.v[e] = g.v[e] * Sigmoid(g.v[e]) * u.v[e];
  }
  Store4(g, y, row, col);
}

__global__ void __launch_bounds__(kThreads)
    SwiGluBackwardKernel(View<bf16> gate, View<bf16> up, View<bf16> dy,
                         View<bf16> dgate, View<bf16> dup) {
  const int64_t i = ThreadOfGrid();
  const int64_t row = i / dy.fours(), col = i % dy.fours() * 4;
  if (row >= dy.rows) return;
  Four g = Load4(gate, row, col), u = Load4(up, row, col);
  const Four d = Load4(dy, row, col);
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    const float s = Sigmoid(g.v[e]);
    const float silu = g.v[e] * s;
    g.v[e] = d.v[e] * u.v[e] * __fmaf_rn(silu, 1.0f - s, s);
    u.v[e] = d.v[e] * silu;
  }
  Store4(g, dgate, row, col);
  Store4(u, dup, row, col);
}

struct Halves {
  View<bf16> gate, up;
};
Halves HalvesOf(const Tensor& gate_up) {
  const int64_t size = gate_up.cols / 2;
  return {ViewOf<bf16>(gate_up.Cols(0, size)),
          ViewOf<bf16>(gate_up.Cols(size, size))};
}

}  // namespace

void SwiGluForward(Tensor gate_up, Tensor y, Stream& stream) {
  R1_CHECK(gate_up.rows == y.rows && gate_up.cols == 2 * y.cols,
           "SwiGlu: gate_up [T, 2F], y [T, F]");
  if (y.empty()) return;
  const Halves x = HalvesOf(gate_up);
  const View<bf16> to = ViewOf<bf16>(y);
  Launch(SwiGluForwardKernel, BlocksFor(to.rows * to.fours()), kThreads, 0,
         stream, x.gate, x.up, to);
}

void SwiGluBackward(Tensor gate_up, Tensor dy, Tensor dgate_up,
                    Stream& stream) {
  R1_CHECK(gate_up.rows == dy.rows && gate_up.cols == 2 * dy.cols &&
               dgate_up.rows == dy.rows && dgate_up.cols == gate_up.cols,
           "SwiGlu: gate_up, dgate_up [T, 2F], dy [T, F]");
  if (dy.empty()) return;
  const Halves x = HalvesOf(gate_up), dx = HalvesOf(dgate_up);
  const View<bf16> from = ViewOf<bf16>(dy);
  Launch(SwiGluBackwardKernel, BlocksFor(from.rows * from.fours()), kThreads, 0,
         stream, x.gate, x.up, from, dx.gate, dx.up);
}

}  // namespace r1::cuda
