// The extent of a grid or a block.
#ifndef R1_KERNELS_CUDA_DIM3_H_
#define R1_KERNELS_CUDA_DIM3_H_

#include <cstdint>

namespace r1::cuda {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;

  constexpr Dim3(uint32_t x = 1, uint32_t y = 1, uint32_t z = 1)
      : x(x), y(y), z(z) {}
  constexpr uint64_t count() const { return uint64_t{x} * y * z; }
};

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_DIM3_H_
