// One step of AdamW: the operations of kernels/cpu/adamw.cc in their order, all
// of which IEEE 754 defines, so that the bits are the same.
#include "base/math.h"
#include "kernels/cuda/compat.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// The factors of one step, in the form in which the update uses them.
struct AdamWFactors {
  float gradient_scale;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;            // learning_rate / (1 - beta1^step)
  float inverse_correction2;  // 1 / (1 - beta2^step)
  float epsilon;
  float decay;  // 1 - learning_rate * weight_decay
};

__global__ void __launch_bounds__(kThreads)
    AdamWKernel(AdamWFactors f, View<float> params, View<float> grads,
                View<float> m, View<float> v) {
  const int64_t i = ThreadOfGrid() * 4;
  if (i >= params.cols) return;
  Four p = Load4(params, 0, i), mean = Load4(m, 0, i), square = Load4(v, 0, i);
  const Four grad = Load4(grads, 0, i);
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    const float g = grad.v[e] * f.gradient_scale;
    mean.v[e] = __fmaf_rn(f.beta1, mean.v[e], f.one_minus_beta1 * g);
    square.v[e] = __fmaf_rn(f.beta2, square.v[e], f.one_minus_beta2 * (g * g));
    const float denominator =
        __fsqrt_rn(square.v[e] * f.inverse_correction2) + f.epsilon;
    const float update = f.step_size * mean.v[e] / denominator;
    p.v[e] = p.v[e] * f.decay - update;
  }
  Store4(mean, m, 0, i);
  Store4(square, v, 0, i);
  Store4(p, params, 0, i);
}

}  // namespace

void AdamW(Tensor params, Tensor grads, Tensor m, Tensor v,
           const AdamWParams& p, Stream& stream) {
  for (const Tensor& x : {grads, m, v}) {
    R1_CHECK(params.count() == x.count() && x.is_dense() && params.is_dense(),
             "AdamW: params, grads, m and v have equal sizes and no gaps");
  }
  R1_CHECK(p.step >= 1, "AdamW: the first step is 1");
  if (params.empty()) return;
  // In double: 1 - beta^step loses half its digits in float for beta near 1.
  const double beta1 = p.beta1, beta2 = p.beta2, rate = p.learning_rate;
  const AdamWFactors factors = {
      .gradient_scale = p.gradient_scale,
      .beta1 = p.beta1,
      .one_minus_beta1 = static_cast<float>(1 - beta1),
      .beta2 = p.beta2,
      .one_minus_beta2 = static_cast<float>(1 - beta2),
      .step_size = static_cast<float>(rate / (1 - Pow(beta1, p.step))),
      .inverse_correction2 = static_cast<float>(1 / (1 - Pow(beta2, p.step))),
      .epsilon = p.epsilon,
      .decay = static_cast<float>(1 - rate * p.weight_decay),
  };
  const View<float> flat = FlatViewOf<float>(params);
  Launch(AdamWKernel, BlocksFor(flat.fours()), kThreads, 0, stream, factors,
         flat, FlatViewOf<float>(grads), FlatViewOf<float>(m),
         FlatViewOf<float>(v));
}

}  // namespace r1::cuda
