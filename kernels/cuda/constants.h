// Logarithms and powers on the device have base 2.
#ifndef R1_KERNELS_CUDA_CONSTANTS_H_
#define R1_KERNELS_CUDA_CONSTANTS_H_

namespace r1::cuda {

inline constexpr float kLog2E = 1.44269504f;  // log2(e)
inline constexpr float kLn2 = 0.69314718f;    // log(2)

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_CONSTANTS_H_
