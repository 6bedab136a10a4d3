// What tests ask of the emulated device beyond kernels/cuda/runtime.h.
#ifndef R1_KERNELS_CUDA_EMU_RUNTIME_H_
#define R1_KERNELS_CUDA_EMU_RUNTIME_H_

#include <cstdint>
#include <memory>

#include "kernels/cuda/runtime.h"

namespace r1::cuda::emu {

struct Options {
  int host_threads = 1;  // that blocks are spread over
  // Order of threads, blocks and streams: 0 is the plain one, others are random
  // ones.
  uint64_t seed = 0;
  int64_t memory_bytes = int64_t{4} << 30;
};

std::unique_ptr<Runtime> OpenRuntime(const Options& options);

// Another seed from now on, for a runtime of OpenRuntime.
void SetSeed(uint64_t seed, Runtime& runtime);

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_RUNTIME_H_
