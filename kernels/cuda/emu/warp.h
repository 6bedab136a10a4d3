// Operations that a warp does together: every lane leaves its arguments, and
// the last one to arrive computes for all. So a product of matrices costs one
// meeting of the lanes, however many tiles it has.
#ifndef R1_KERNELS_CUDA_EMU_WARP_H_
#define R1_KERNELS_CUDA_EMU_WARP_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/emu/block.h"

namespace r1::cuda::emu {

struct ShuffleArguments {
  uint64_t value;
  uint64_t result;
  unsigned from;  // lane
};
void ShuffleLanes(uint32_t mask, void* const* arguments);

// The value of lane `from`.
template <class T>
T Shuffle(uint32_t mask, T value, unsigned from) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  ShuffleArguments arguments = {0, 0, from};
  std::memcpy(&arguments.value, &value, sizeof value);
  current->block->MeetWarp(mask, &arguments, ShuffleLanes);
  std::memcpy(&value, &arguments.result, sizeof value);
  return value;
}

// Bit l: what lane l of the mask says.
uint32_t Ballot(uint32_t mask, bool predicate);

// Four matrices of 8 x 8 bf16; lane l's `row` is row l % 8 of matrix l / 8.
// Rows are 16 bytes, at multiples of 16 in shared memory.
void LoadMatrices(uint32_t* registers, const void* row, bool transpose);

// One lane's registers of c [MI][NI][4] += a [MI][4] x b [NI][2], in the layout
// of mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16").
struct MmaArguments {
  float* c;
  const uint32_t* a;
  const uint32_t* b;
};
void MultiplyTiles(int m_tiles, int n_tiles, void* const* arguments);

template <int MI, int NI>
void MultiplyTiles(uint32_t, void* const* arguments) {
  MultiplyTiles(MI, NI, arguments);
}

// Ends the block with an error where a copy of 16 bytes to shared memory may
// not start.
void CheckAsyncCopy(const void* to, const void* from, int bytes);

// A static array of the block's; ends the block with an error if there is no
// room.
void* StaticShared(const void* tag, size_t bytes);

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_WARP_H_
