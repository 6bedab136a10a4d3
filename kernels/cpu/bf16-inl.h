// bfloat16 in memory to fp32 in the kernels.
#if defined(R1_KERNELS_CPU_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_BF16_INL_H_
#undef R1_KERNELS_CPU_BF16_INL_H_
#else
#define R1_KERNELS_CPU_BF16_INL_H_
#endif

#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Exact. `count` is a multiple of 32; asks for what lies 2 KiB ahead.
HWY_INLINE void ExpandBf16(const uint16_t* from, int64_t count, float* to) {
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> bits;
  const hn::Rebind<uint16_t, FloatTag> half;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t i = 0; i < count; i += 32) {
    hwy::Prefetch(from + i + 1024);
    for (int64_t j = i; j < i + 32; j += lanes) {
      const auto wide = hn::PromoteTo(bits, hn::LoadU(half, from + j));
      hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(wide)), d, to + j);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_BF16_INL_H_
