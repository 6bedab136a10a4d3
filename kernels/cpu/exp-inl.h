// exp for vectors, the same polynomial in every lane of every kernel.
#if defined(R1_KERNELS_CPU_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_EXP_INL_H_
#undef R1_KERNELS_CPU_EXP_INL_H_
#else
#define R1_KERNELS_CPU_EXP_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// exp(x) for x <= 80; relative error below 1.3e-7 for x > -10 and growing to
// 4e-7 at -86, below which the result is 0 (instead of 4.5e-38). exp(0) = 1.
// NaN gives NaN, which hwy's Exp would turn into 0 and so hide.
//
// x = n ln 2 + r with |r| <= ln(2) / 2. One float of ln 2 is off by 2e-9, which
// n multiplies. The polynomial is the minimax one of relative error 4e-9 among
// those that start with 1 + r.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpBounded(D d, V x) {
  const hn::RebindToSigned<D> di;
  // Adding 1.5 * 2^23 leaves n = round(x / ln 2) in the low mantissa bits.
  const V magic = hn::Set(d, 12582912.0f);
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504088896341f), magic);
  const V n = hn::Sub(shifted, magic);
  const V r = hn::NegMulAdd(n, hn::Set(d, 0.69314718056f), x);
  const V one = hn::Set(d, 1.0f);
  V p = hn::Set(d, 0x1.6a23dp-10f);
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.123a2p-7f));
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.5558f2p-5f));
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.555492p-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 0x1.fffffcp-2f));
  p = hn::MulAdd(p, r, one);
  p = hn::MulAdd(p, r, one);
  // Times 2^n, by adding n to the exponent.
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  const V y = hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -86.0f)), y);
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_EXP_INL_H_
