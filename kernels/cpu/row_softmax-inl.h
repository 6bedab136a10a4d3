// Softmax statistics of one row of logits: the one place that fixes the order
// of its sums, so that a token's log-prob has the same bits in the sampler,
// the scorer and the trainer.
#if defined(R1_KERNELS_CPU_ROW_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_ROW_SOFTMAX_INL_H_
#undef R1_KERNELS_CPU_ROW_SOFTMAX_INL_H_
#else
#define R1_KERNELS_CPU_ROW_SOFTMAX_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "base/math.h"
#include "hwy/highway.h"
#include "kernels/cpu/exp-inl.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of z = inv_temperature * logits. `sum` and what follows from it are NaN if a
// logit is NaN or the largest z is not finite.
struct RowSoftmax {
  float inv_temperature;
  float max;      // largest z
  float sum;      // sum_v exp(z[v] - max)
  float log_sum;  // log(sum), so logsumexp(z) = max + log_sum
  float entropy;  // -sum_v p log p, nats

  float Logprob(const float* logits, int64_t token) const {
    return (logits[token] * inv_temperature - max) - log_sum;
  }
};

// z - max, with minus infinity made finite: exp gives 0 for both, and 0 times
// it is 0.
HWY_INLINE FloatVec Shifted(const RowSoftmax& row, FloatVec logits) {
  const FloatTag d;
  const auto z = hn::Mul(logits, hn::Set(d, row.inv_temperature));
  const auto shifted = hn::Sub(z, hn::Set(d, row.max));
  const auto floor = hn::Set(d, -1e30f);
  // Not Max, which may drop a NaN.
  return hn::IfThenElse(hn::Lt(shifted, floor), floor, shifted);
}

// Calls fn(accumulator, vector) for the vectors of a row, where `accumulator`
// = vector index mod 4 and lanes past the end hold minus infinity.
template <class Fn>
HWY_INLINE void ForEachLogits(const float* logits, int64_t n, Fn fn) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    fn(0, hn::LoadU(d, logits + i));
    fn(1, hn::LoadU(d, logits + i + kLanes));
    fn(2, hn::LoadU(d, logits + i + 2 * kLanes));
    fn(3, hn::LoadU(d, logits + i + 3 * kLanes));
  }
  for (int a = 0; i < n; ++a, i += kLanes) {
    if (i + kLanes <= n) {
      fn(a, hn::LoadU(d, logits + i));
    } else {
      fn(a,
         hn::IfThenElse(hn::FirstN(d, n - i), LoadPartial(d, logits + i, n - i),
                        hn::Set(d, -std::numeric_limits<float>::infinity())));
    }
  }
}

HWY_INLINE float MaxLogit(const float* logits, int64_t n) {
  const FloatTag d;
  FloatVec max[4];
  for (FloatVec& m : max) m = hn::Set(d, hwy::LowestValue<float>());
  ForEachLogits(logits, n, [&](int a, FloatVec x) HWY_ATTR {
    max[a] = hn::Max(max[a], x);
  });
  const auto all = hn::Max(hn::Max(max[0], max[1]), hn::Max(max[2], max[3]));
  return MaxLane(d, all);
}

HWY_INLINE RowSoftmax SoftmaxOfRow(const float* logits, int64_t n,
                                   float inv_temperature) {
  const FloatTag d;
  RowSoftmax row = {};
  row.inv_temperature = inv_temperature;
  row.max = MaxLogit(logits, n) * inv_temperature;
  FloatVec sum[4];
  FloatVec weighted[4];  // exp(z - max) * (z - max)
  for (int a = 0; a < 4; ++a) sum[a] = weighted[a] = hn::Zero(d);
  ForEachLogits(logits, n, [&](int a, FloatVec x) HWY_ATTR {
    const auto shifted = Shifted(row, x);
    const auto e = ExpBounded(d, shifted);
    sum[a] = hn::Add(sum[a], e);
    weighted[a] = hn::MulAdd(e, shifted, weighted[a]);
  });
  const auto total = [&](const FloatVec* v) HWY_ATTR {
    return SumLanes(d, hn::Add(hn::Add(v[0], v[1]), hn::Add(v[2], v[3])));
  };
  row.sum = total(sum);
  row.log_sum = Log(row.sum);
  row.entropy = row.log_sum - total(weighted) / row.sum;
  return row;
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_ROW_SOFTMAX_INL_H_
