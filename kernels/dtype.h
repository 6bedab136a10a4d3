// Number formats of tensors in memory.
#ifndef R1_KERNELS_DTYPE_H_
#define R1_KERNELS_DTYPE_H_

#include <bit>
#include <cstdint>

namespace r1 {

enum class DType : uint8_t { kF32, kBF16, kI32 };

constexpr int64_t BytesOf(DType dtype) { return dtype == DType::kBF16 ? 2 : 4; }

// bfloat16 is the upper half of an fp32. Rounds to the nearest, ties to even;
// a NaN stays one.
inline uint16_t ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
inline float FromBf16(uint16_t value) {
  return std::bit_cast<float>(uint32_t{value} << 16);
}

}  // namespace r1

#endif  // R1_KERNELS_DTYPE_H_
