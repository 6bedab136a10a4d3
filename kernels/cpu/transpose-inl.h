// Transposes small matrices, 4 x 4 elements at a time.
#if defined(R1_KERNELS_CPU_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_TRANSPOSE_INL_H_
#undef R1_KERNELS_CPU_TRANSPOSE_INL_H_
#else
#define R1_KERNELS_CPU_TRANSPOSE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE void Transpose4x4(const float* from, int64_t from_stride, float* to,
                             int64_t to_stride) {
#if HWY_TARGET == HWY_SCALAR
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 4; ++c) {
      to[c * to_stride + r] = from[r * from_stride + c];
    }
  }
#else
  const hn::Full128<float> d;
  const hn::Full128<double> wide;
  const auto row0 = hn::LoadU(d, from);
  const auto row1 = hn::LoadU(d, from + from_stride);
  const auto row2 = hn::LoadU(d, from + 2 * from_stride);
  const auto row3 = hn::LoadU(d, from + 3 * from_stride);
  // Pairs (row 0, row 1) and (row 2, row 3) of columns 0, 1 and of 2, 3.
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, row0, row1));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, row2, row3));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, row0, row1));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, row2, row3));
  const auto store = [&](auto column, int c) HWY_ATTR {
    hn::StoreU(hn::BitCast(d, column), d, to + c * to_stride);
  };
  store(hn::InterleaveLower(wide, low01, low23), 0);
  store(hn::InterleaveUpper(wide, low01, low23), 1);
  store(hn::InterleaveLower(wide, high01, high23), 2);
  store(hn::InterleaveUpper(wide, high01, high23), 3);
#endif
}

// to[c, r] = from[r, c] for rows x cols elements.
HWY_INLINE void Transpose(const float* from, int64_t rows, int64_t cols,
                          int64_t from_stride, float* to, int64_t to_stride) {
  const int64_t whole_rows = rows / 4 * 4;
  const int64_t whole_cols = cols / 4 * 4;
  for (int64_t c = 0; c < whole_cols; c += 4) {
    for (int64_t r = 0; r < whole_rows; r += 4) {
      Transpose4x4(from + r * from_stride + c, from_stride,
                   to + c * to_stride + r, to_stride);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) {
      to[c * to_stride + r] = from[r * from_stride + c];
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_TRANSPOSE_INL_H_
