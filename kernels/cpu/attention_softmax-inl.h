// The softmax of one row of attention scores, and with it the order of its sum.
#if defined(R1_KERNELS_CPU_ATTENTION_SOFTMAX_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_ATTENTION_SOFTMAX_INL_H_
#undef R1_KERNELS_CPU_ATTENTION_SOFTMAX_INL_H_
#else
#define R1_KERNELS_CPU_ATTENTION_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/exp-inl.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors in a page of scores.
constexpr int kPageVectors = kPageTokens / hn::MaxLanes(FloatTag());

// Which lanes of a vector of scores the row sees: all of them, or some.
struct AllLanes {
  FloatVec Select(FloatVec v, FloatVec) const { return v; }
};
struct SomeLanes {
  hn::Mask<FloatTag> mask;
  FloatVec Select(FloatVec v, FloatVec otherwise) const {
    return hn::IfThenElse(mask, v, otherwise);
  }
};

// Calls fn(v, offset, lanes) for the vectors of `keys` scores, where v counts
// the vectors within a page.
template <class Fn>
HWY_INLINE void ForEachScore(int64_t keys, Fn fn) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  int64_t j = 0;
  for (; j + kPageTokens <= keys; j += kPageTokens) {
#pragma GCC unroll 8
    for (int v = 0; v < kPageVectors; ++v) fn(v, j + v * kLanes, AllLanes{});
  }
#pragma GCC unroll 8
  for (int v = 0; v < kPageVectors; ++v, j += kLanes) {
    if (j >= keys) break;
    fn(v, j, SomeLanes{hn::FirstN(d, std::min(kLanes, keys - j))});
  }
}

// row[j] = exp(scale * row[j] - max) for the visible keys.
HWY_INLINE void ExpScores(float* row, int64_t keys, float scale,
                          RowState* state) {
  const FloatTag d;
  const auto factor = hn::Set(d, scale);
  const auto lowest = hn::Set(d, hwy::LowestValue<float>());
  auto max = lowest;
  ForEachScore(keys, [&](int, int64_t j, auto lanes) HWY_ATTR {
    const auto score = hn::Mul(factor, hn::LoadU(d, row + j));
    max = hn::Max(max, lanes.Select(score, lowest));
  });
  state->max = MaxLane(d, max);
  max = hn::Set(d, state->max);

  FloatVec sums[kPageVectors];
  for (auto& sum : sums) sum = hn::Zero(d);
  ForEachScore(keys, [&](int v, int64_t j, auto lanes) HWY_ATTR {
    const auto score = hn::Mul(factor, hn::LoadU(d, row + j));
    const auto p = ExpBounded(d, hn::Sub(score, max));
    hn::StoreU(p, d, row + j);
    sums[v] = hn::Add(sums[v], lanes.Select(p, hn::Zero(d)));
  });
  for (int half = kPageVectors / 2; half > 0; half /= 2) {
    for (int v = 0; v < half; ++v) sums[v] = hn::Add(sums[v], sums[v + half]);
  }
  state->sum = SumLanes(d, sums[0]);
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_ATTENTION_SOFTMAX_INL_H_
