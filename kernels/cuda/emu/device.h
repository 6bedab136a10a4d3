// What kernels/cuda/compat.h promises, for g++ and clang: CUDA's names in terms
// of emu/block.h. Included by kernels through compat.h alone.
#ifndef R1_KERNELS_CUDA_EMU_DEVICE_H_
#define R1_KERNELS_CUDA_EMU_DEVICE_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/cuda/emu/block.h"
#include "kernels/cuda/emu/math.h"
#include "kernels/cuda/emu/vector_types.h"
#include "kernels/cuda/emu/warp.h"
#include "kernels/cuda/source_line.h"

#define __global__ inline
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define DEV inline __attribute__((always_inline))

#define threadIdx (::r1::cuda::emu::current->index)
#define blockIdx (::r1::cuda::emu::current->block->index())
#define blockDim (::r1::cuda::emu::current->block->shape().block)
#define gridDim (::r1::cuda::emu::current->block->shape().grid)

#define DYNAMIC_SHARED(T, name) \
  T* const name =               \
      static_cast<T*>(::r1::cuda::emu::current->block->shared().dynamic())
#define STATIC_SHARED(T, name, n)       \
  static constexpr char name##_tag = 0; \
  T* const name = static_cast<T*>(      \
      ::r1::cuda::emu::StaticShared(&name##_tag, sizeof(T) * (n)))

namespace r1::cuda {

// --- Numbers ---------------------------------------------------------------

struct bf16 {
  uint16_t bits;
};

inline float __bfloat162float(bf16 x) {
  return std::bit_cast<float>(uint32_t{x.bits} << 16);
}
// cvt.rn.bf16.f32: to nearest, ties to even; every NaN becomes 0x7fff.
inline bf16 __float2bfloat16(float x) {
  if (x != x) return {0x7fff};
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
inline uint32_t pack_bf16(float low, float high) {
  return __float2bfloat16(low).bits | uint32_t{__float2bfloat16(high).bits}
                                          << 16;
}

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) {
  return std::fma(a, b, c);
}
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float exp2_fast(float x) { return emu::Exp2(x); }
inline float log2_fast(float x) { return emu::Log2(x); }
inline uint32_t __umulhi(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{a} * b >> 32);
}
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }
inline int __popc(uint32_t x) { return std::popcount(x); }
inline int __ffs(uint32_t x) { return x == 0 ? 0 : std::countr_zero(x) + 1; }
inline int __clz(uint32_t x) { return std::countl_zero(x); }

// --- Integer atomics -------------------------------------------------------
// Relaxed, as on the device. There are none of floats.

template <class T>
requires std::is_integral_v<T> T atomicAdd(T* x,
                                           std::type_identity_t<T> value) {
  return __atomic_fetch_add(x, value, __ATOMIC_RELAXED);
}
template <class T>
requires std::is_integral_v<T> T atomicOr(T* x, std::type_identity_t<T> value) {
  return __atomic_fetch_or(x, value, __ATOMIC_RELAXED);
}
template <class T>
requires std::is_integral_v<T> T atomicMax(T* x,
                                           std::type_identity_t<T> value) {
  T old = __atomic_load_n(x, __ATOMIC_RELAXED);
  while (old < value &&
         !__atomic_compare_exchange_n(x, &old, value, true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
  }
  return old;
}
template <class T>
requires std::is_integral_v<T> T atomicMin(T* x,
                                           std::type_identity_t<T> value) {
  T old = __atomic_load_n(x, __ATOMIC_RELAXED);
  while (value < old &&
         !__atomic_compare_exchange_n(x, &old, value, true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
  }
  return old;
}

// --- Threads of a block ----------------------------------------------------

inline void __syncthreads(SourceLine where = SourceLine::Current()) {
  emu::current->block->Barrier(where);
}
inline void __syncwarp(uint32_t mask = ~0u) {
  emu::current->block->MeetWarp(mask, nullptr, nullptr);
}
template <class T>
T __shfl_sync(uint32_t mask, T value, int lane) {
  return emu::Shuffle(mask, value, lane & 31);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int bits) {
  return emu::Shuffle(mask, value, emu::current->lane ^ bits);
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta) {
  const unsigned lane = emu::current->lane;
  return emu::Shuffle(mask, value, lane + delta > 31 ? lane : lane + delta);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta) {
  const unsigned lane = emu::current->lane;
  return emu::Shuffle(mask, value, delta > lane ? lane : lane - delta);
}
inline uint32_t __ballot_sync(uint32_t mask, bool predicate) {
  return emu::Ballot(mask, predicate);
}
inline bool __any_sync(uint32_t mask, bool predicate) {
  return emu::Ballot(mask, predicate) != 0;
}
inline bool __all_sync(uint32_t mask, bool predicate) {
  return emu::Ballot(mask, predicate) == mask;
}

// --- Tensor cores and asynchronous copies ----------------------------------

template <int MI, int NI>
DEV void mma_tiles(float (&c)[MI][NI][4], const uint32_t (&a)[MI][4],
                   const uint32_t (&b)[NI][2]) {
  emu::MmaArguments arguments = {&c[0][0][0], &a[0][0], &b[0][0]};
  emu::current->block->MeetWarp(~0u, &arguments, emu::MultiplyTiles<MI, NI>);
}

template <bool kTranspose>
DEV void ldmatrix_x4(uint32_t* registers, const bf16* row) {
  emu::LoadMatrices(registers, row, kTranspose);
}

inline void cp_async16(void* to, const void* from, int bytes) {
  emu::CheckAsyncCopy(to, from, bytes);
  emu::current->copies.Issue(to, from, bytes);
}
inline void cp_async_commit() { emu::current->copies.Commit(); }
template <int kKeep>
void cp_async_wait() {
  emu::current->copies.Wait(kKeep);
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_EMU_DEVICE_H_
