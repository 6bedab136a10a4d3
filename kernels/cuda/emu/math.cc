#include "kernels/cuda/emu/math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/math.h"

namespace r1::cuda::emu {

// 2^x = 2^n e^(f ln 2) with |f| <= 1/2; the series of e^y ends below
// (ln 2 / 2)^10 / 10! = 7e-12.
float Exp2(float x) {
  if (x != x) return x;
  if (x >= 128) return std::numeric_limits<float>::infinity();
  if (x < -126) return 0;
  const double n = std::floor(double{x} + 0.5);
  const double y = (x - n) * 0.6931471805599453094;
  double series = 1;
  for (int i = 9; i >= 1; --i) series = 1 + series * y / i;
  const uint64_t exponent =
      static_cast<uint64_t>(static_cast<int64_t>(n) + 1023);
  return static_cast<float>(series * std::bit_cast<double>(exponent << 52));
}

float Log2(float x) {
  if (x < 0 || x != x) return std::numeric_limits<float>::quiet_NaN();
  if (x < std::numeric_limits<float>::min()) {
    return -std::numeric_limits<float>::infinity();
  }
  return static_cast<float>(Log(double{x}) * 1.4426950408889634074);
}

}  // namespace r1::cuda::emu
