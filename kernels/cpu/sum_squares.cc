// Sum of squares in double precision, for the gradient norm.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/sum_squares.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// A product of two floats is exact in double; only the additions round.
double SumBlock(const float* x, int64_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  using Vec = hn::Vec<decltype(d)>;
  Vec even = hn::Zero(d);  // two chains hide the latency of the additions
  Vec odd = hn::Zero(d);
  ForEachVector(
      df, n,
      [&](int64_t i) HWY_ATTR {
        const Vec v = hn::PromoteTo(d, hn::LoadU(df, x + i));
        even = hn::MulAdd(v, v, even);
        std::swap(even, odd);
      },
      [&](int64_t i, int64_t count) HWY_ATTR {
        const Vec v = hn::PromoteTo(d, LoadPartial(df, x + i, count));
        even = hn::MulAdd(v, v, even);
      });
  return SumLanes(d, hn::Add(even, odd));
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(SumBlock);

// Blocks of a fixed size are added up in lanes, then in a balanced tree over
// the blocks: the order depends on the length alone.
double CpuOps::SumSquares(Tensor x) {
  R1_CHECK(x.is_dense(), "SumSquares: x has no gaps");
  constexpr int64_t kBlock = 8192;
  const int64_t size = x.count();
  const int64_t blocks = (size + kBlock - 1) / kBlock;
  if (blocks == 0) return 0;
  std::vector<double> sums(blocks);
  ParallelRanges(pool_, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      sums[b] = HWY_DYNAMIC_DISPATCH(SumBlock)(
          ConstMat(x).data + b * kBlock, std::min(kBlock, size - b * kBlock));
    }
  });
  for (int64_t stride = 1; stride < blocks; stride *= 2) {
    for (int64_t b = 0; b + stride < blocks; b += 2 * stride) {
      sums[b] += sums[b + stride];
    }
  }
  return sums[0];
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
