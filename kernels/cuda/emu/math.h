// The approximate functions of the device, to float precision and with the same
// bits on every host.
#ifndef R1_KERNELS_CUDA_EMU_MATH_H_
#define R1_KERNELS_CUDA_EMU_MATH_H_

namespace r1::cuda::emu {

// ex2.approx.ftz: 2^x; denormal inputs and results are 0.
float Exp2(float x);
// lg2.approx.ftz: log2(x); -infinity for 0 and denormal numbers, NaN below.
float Log2(float x);

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_MATH_H_
