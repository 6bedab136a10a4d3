// One step of AdamW.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/adamw.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "base/check.h"
#include "base/math.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

#ifndef R1_KERNELS_CPU_ADAMW_CC_ONCE
#define R1_KERNELS_CPU_ADAMW_CC_ONCE
namespace r1::cpu {

// The factors of one step, in the form in which the update uses them.
struct AdamWStep {
  float gradient_scale;
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float step_size;            // learning_rate / (1 - beta1^step)
  float inverse_correction2;  // 1 / (1 - beta2^step)
  float epsilon;
  float decay;  // 1 - learning_rate * weight_decay
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_ADAMW_CC_ONCE

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

void UpdateRange(const AdamWStep& step, int64_t n, float* params,
                 const float* grads, float* m, float* v) {
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  const FloatVec scale = hn::Set(d, step.gradient_scale);
  const FloatVec beta1 = hn::Set(d, step.beta1);
  const FloatVec rest1 = hn::Set(d, step.one_minus_beta1);
  const FloatVec beta2 = hn::Set(d, step.beta2);
  const FloatVec rest2 = hn::Set(d, step.one_minus_beta2);
  const FloatVec step_size = hn::Set(d, step.step_size);
  const FloatVec correction2 = hn::Set(d, step.inverse_correction2);
  const FloatVec epsilon = hn::Set(d, step.epsilon);
  const FloatVec decay = hn::Set(d, step.decay);
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t left = n - i;
    const auto load = [&](const float* p) HWY_ATTR {
      return left >= lanes ? hn::LoadU(d, p + i) : LoadPartial(d, p + i, left);
    };
    const auto store = [&](FloatVec x, float* p) HWY_ATTR {
      left >= lanes ? hn::StoreU(x, d, p + i) : StorePartial(x, d, p + i, left);
    };
    const FloatVec g = hn::Mul(load(grads), scale);
    const FloatVec m_new = hn::MulAdd(beta1, load(m), hn::Mul(rest1, g));
    const FloatVec v_new =
        hn::MulAdd(beta2, load(v), hn::Mul(rest2, hn::Mul(g, g)));
    const FloatVec denominator =
        hn::Add(hn::Sqrt(hn::Mul(v_new, correction2)), epsilon);
    const FloatVec update = hn::Div(hn::Mul(step_size, m_new), denominator);
    store(m_new, m);
    store(v_new, v);
    store(hn::Sub(hn::Mul(load(params), decay), update), params);
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(UpdateRange);

void CpuOps::AdamW(Tensor params, Tensor grads, Tensor m, Tensor v,
                   const AdamWParams& p) {
  for (const Tensor& x : {grads, m, v}) {
    R1_CHECK(params.count() == x.count() && x.is_dense() && params.is_dense(),
             "AdamW: params, grads, m and v have equal sizes and no gaps");
  }
  R1_CHECK(p.step >= 1, "AdamW: the first step is 1");
  // In double: 1 - beta^step loses half its digits in float for beta near 1.
  const double beta1 = p.beta1, beta2 = p.beta2, rate = p.learning_rate;
  const AdamWStep step = {
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
  const auto from = [](const Tensor& x, int64_t begin) {
    return Mat(x).data + begin;
  };
  ParallelRanges(pool_, params.count(), kElementGrain,
                 [&](int64_t begin, int64_t end) {
                   HWY_DYNAMIC_DISPATCH(UpdateRange)
                   (step, end - begin, from(params, begin), from(grads, begin),
                    from(m, begin), from(v, begin));
                 });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
