// What kernels/cuda/compat.h promises, for nvcc: PTX by its own names (PTX ISA
// 8.0 or later). Included through compat.h alone.
#ifndef R1_KERNELS_CUDA_NATIVE_DEVICE_H_
#define R1_KERNELS_CUDA_NATIVE_DEVICE_H_

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#define DEV __device__ __forceinline__
#define DYNAMIC_SHARED(T, name)                                        \
  extern __shared__ __align__(1024) unsigned char r1_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(r1_dynamic_shared)
#define STATIC_SHARED(T, name, n)                     \
  __shared__ __align__(alignof(T)) T name##_array[n]; \
  T* const name = name##_array

namespace r1::cuda {

using bf16 = __nv_bfloat16;

DEV uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}

DEV float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEV float log2_fast(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

DEV uint32_t SharedAddress(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

template <int MI, int NI>
DEV void mma_tiles(float (&c)[MI][NI][4], const uint32_t (&a)[MI][4],
                   const uint32_t (&b)[NI][2]) {
#pragma unroll
  for (int i = 0; i < MI; ++i) {
#pragma unroll
    for (int j = 0; j < NI; ++j) {
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
          "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
          : "+f"(c[i][j][0]), "+f"(c[i][j][1]), "+f"(c[i][j][2]),
            "+f"(c[i][j][3])
          : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]),
            "r"(b[j][0]), "r"(b[j][1]));
    }
  }
}

template <bool kTranspose>
DEV void ldmatrix_x4(uint32_t* r, const bf16* row) {
  if constexpr (kTranspose) {
    asm volatile(
        "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
        : "r"(SharedAddress(row))
        : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(SharedAddress(row))
                 : "memory");
  }
}

DEV void cp_async16(void* to, const void* from, int bytes) {
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(SharedAddress(to)),
      "l"(from), "r"(bytes)
      : "memory");
}
DEV void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kKeep>
DEV void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kKeep) : "memory");
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_NATIVE_DEVICE_H_
