// CUDA's small vectors, of which nvcc has its own.
#ifndef R1_KERNELS_CUDA_EMU_VECTOR_TYPES_H_
#define R1_KERNELS_CUDA_EMU_VECTOR_TYPES_H_

#include <cstdint>

namespace r1::cuda {

struct alignas(8) int2 {
  int32_t x, y;
};
struct alignas(16) int4 {
  int32_t x, y, z, w;
};
struct alignas(8) uint2 {
  uint32_t x, y;
};
struct uint3 {
  uint32_t x, y, z;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_EMU_VECTOR_TYPES_H_
