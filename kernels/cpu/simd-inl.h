// Partial loads and stores for the ends of rows, and fixed-order sums, on top
// of Highway. Every element goes through the same vector instructions wherever
// it stands, so its bits do not depend on its place in a row.

// Per-target include guard, as in Highway's own -inl headers.
#if defined(R1_KERNELS_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_SIMD_INL_H_
#undef R1_KERNELS_CPU_SIMD_INL_H_
#else
#define R1_KERNELS_CPU_SIMD_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;

// The first `count` (1 to Lanes) elements at p; the other lanes are zero.
template <class D>
HWY_INLINE hn::Vec<D> LoadPartial(D d, const hn::TFromD<D>* p, int64_t count) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(d)] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return hn::Load(d, lanes);
#endif
}

// Stores the first `count` (1 to Lanes) lanes and touches nothing else.
template <class D>
HWY_INLINE void StorePartial(hn::Vec<D> v, D d, hn::TFromD<D>* p,
                             int64_t count) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  for (int64_t i = 0; i < count; ++i) p[i] = lanes[i];
#endif
}

// All lanes as one by a balanced tree: lane i takes lane i + n / 2, then n is
// halved. Highway's own reductions leave the order to its version.
template <class D, class Combine>
HWY_INLINE hn::TFromD<D> ReduceLanes(D, hn::Vec<D> v,
                                     [[maybe_unused]] Combine combine) {
#if HWY_TARGET != HWY_SCALAR  // which has no halves
  if constexpr (hn::MaxLanes(D()) > 1) {
    const hn::Half<D> half;
    return ReduceLanes(
        half, combine(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), combine);
  }
#endif
  return hn::GetLane(v);
}

template <class D>
HWY_INLINE hn::TFromD<D> SumLanes(D d, hn::Vec<D> v) {
  return ReduceLanes(d, v,
                     [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); });
}

template <class D>
HWY_INLINE hn::TFromD<D> MaxLane(D d, hn::Vec<D> v) {
  return ReduceLanes(d, v,
                     [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); });
}

// Calls full(i) for every whole vector of [0, n) and partial(i, count) for
// what is left.
template <class D, class Full, class Partial>
HWY_INLINE void ForEachVector(D d, int64_t n, Full full, Partial partial) {
  const int64_t lanes = hn::Lanes(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) full(i);
  if (i < n) partial(i, n - i);
}

// p[i] = fn(i's vectors), where fn gets a loader: load(pointer) gives the
// vector of the current place.  fn must be pure per lane.
template <class D, class Fn>
HWY_INLINE void Transform(D d, int64_t n, float* out, Fn fn) {
  const auto full = [&](int64_t i) HWY_ATTR {
    hn::StoreU(fn([&](const float* p) HWY_ATTR { return hn::LoadU(d, p + i); }),
               d, out + i);
  };
  const auto partial = [&](int64_t i, int64_t count) HWY_ATTR {
    StorePartial(fn([&](const float* p)
                        HWY_ATTR { return LoadPartial(d, p + i, count); }),
                 d, out + i, count);
  };
  ForEachVector(d, n, full, partial);
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_SIMD_INL_H_
