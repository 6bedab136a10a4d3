// The language that kernels are written in, for two compilers: nvcc makes
// machine code of it, g++ and clang run the same bodies on the emulated device.
//
// Common to both, under CUDA's own names: __global__, __launch_bounds__,
// threadIdx, blockIdx, blockDim, gridDim, __syncthreads, __syncwarp,
// __shfl_sync and its kin, __ballot_sync, __fmaf_rn, __fsqrt_rn, __umulhi,
// integer atomics, float4 and its kin. Beyond those:
//
//   DEV                            a function of the device, always inlined
//   DYNAMIC_SHARED(T, name)        T* name: the launch's dynamic shared memory,
//                                  1024-byte aligned
//   STATIC_SHARED(T, name, n)      T* name: a shared array of n elements
//   bf16, pack_bf16(low, high)     two floats rounded into one register
//   mma_tiles(c, a, b)             c[i][j] += a[i] b[j] in m16n8k16 tiles of
//                                  bf16 with fp32 sums, by the whole warp
//   ldmatrix_x4<transpose>(r, row) four 8 x 8 matrices of bf16 into registers
//   cp_async16(to, from, bytes)    that many of 16 bytes to shared memory, then
//                                  zeros, there after cp_async_wait<keep>() of
//                                  its cp_async_commit() group
//   exp2_fast, log2_fast           the device's own approximations
//
// Rules: no float atomics; nvcc compiles with -fmad=false, so that fused
// operations are those that are written; / and __fsqrt_rn round to nearest,
// rsqrtf is not used. Elements past bounds are not read, not even unused.
#ifndef R1_KERNELS_CUDA_COMPAT_H_
#define R1_KERNELS_CUDA_COMPAT_H_

#if defined(__CUDACC__)
#include "kernels/cuda/native_device.h"
#else
#include "kernels/cuda/emu/device.h"
#endif

namespace r1::cuda {

// Elements of kernels that come in fp32 and in bf16.
DEV float ToFloat(float x) { return x; }
DEV float ToFloat(bf16 x) { return __bfloat162float(x); }
template <class T>
DEV T FromFloat(float x) {
  if constexpr (sizeof(T) == sizeof(bf16)) {
    return __float2bfloat16(x);
  } else {
    return x;
  }
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_COMPAT_H_
