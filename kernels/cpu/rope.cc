// Rotary position embedding, half-split layout.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// Rotates the pairs (low[i], high[i]) by the angles whose cosines and sines
// are given; `sign` is -1 for the inverse rotation.
HWY_INLINE void RotateHead(const float* cosines, const float* sines, float sign,
                           int64_t half, float* low, float* high) {
  const FloatTag d;
  const FloatVec signs = hn::Set(d, sign);
  for (int64_t i = 0; i < half; i += hn::Lanes(d)) {
    const int64_t left = half - i;
    const bool is_full = left >= static_cast<int64_t>(hn::Lanes(d));
    const auto load = [&](const float* p) HWY_ATTR {
      return is_full ? hn::LoadU(d, p + i) : LoadPartial(d, p + i, left);
    };
    const auto store = [&](FloatVec v, float* p) HWY_ATTR {
      is_full ? hn::StoreU(v, d, p + i) : StorePartial(v, d, p + i, left);
    };
    const FloatVec c = load(cosines);
    const FloatVec s = hn::Mul(load(sines), signs);
    const FloatVec x = load(low);
    const FloatVec y = load(high);
    store(hn::NegMulAdd(y, s, hn::Mul(x, c)), low);
    store(hn::MulAdd(x, s, hn::Mul(y, c)), high);
  }
}

void RotateRows(Mat x, int heads, const int32_t* positions, ConstMat cos_sin,
                bool inverse) {
  const int64_t half = cos_sin.cols / 2;
  for (int64_t t = 0; t < x.rows; ++t) {
    const float* angles = cos_sin.Row(positions[t]);
    for (int h = 0; h < heads; ++h) {
      float* head = x.Row(t) + 2 * half * h;
      RotateHead(angles, angles + half, inverse ? -1.0f : 1.0f, half, head,
                 head + half);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(RotateRows);

void CpuOps::Rope(Tensor x, int heads, Tensor positions, Tensor cos_sin,
                  bool inverse) {
  const int32_t* const at = Ids(positions).data;
  R1_CHECK(positions.cols == x.rows && cos_sin.cols % 2 == 0 &&
               x.cols == heads * cos_sin.cols,
           "Rope: x [T, heads * D], positions [T], cos_sin [max_position, D]");
  for (int64_t t = 0; t < x.rows; ++t) {
    R1_CHECK(at[t] >= 0 && at[t] < cos_sin.rows,
             "positions lie in the table of angles");
  }
  ParallelRows(pool_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(RotateRows)
    (x.Rows(begin, end - begin), heads, at + begin, cos_sin, inverse);
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
