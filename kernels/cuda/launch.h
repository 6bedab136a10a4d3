// The only way to start a kernel. nvcc compiles it to a launch on the device,
// other compilers to one on the emulated device (emu/).
#ifndef R1_KERNELS_CUDA_LAUNCH_H_
#define R1_KERNELS_CUDA_LAUNCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "kernels/cuda/dim3.h"
#include "kernels/cuda/source_line.h"

namespace r1::cuda {

// Work that a device does in the order in which it was enqueued. Made by
// Runtime::MakeStream, and gone before the Runtime is. Threads: one caller.
class Stream {
 public:
  virtual ~Stream() = default;
};

// Blocks of a launch, and the line that asks for them, for messages.
struct GridSize {
  Dim3 blocks;
  SourceLine where;

  GridSize(int64_t x, int64_t y = 1, int64_t z = 1,
           SourceLine where = SourceLine::Current())
      : blocks(static_cast<uint32_t>(x), static_cast<uint32_t>(y),
               static_cast<uint32_t>(z)),
        where(where) {
    R1_CHECK(x == blocks.x && y == blocks.y && z == blocks.z,
             "blocks of a grid in 32 bits");
  }
};

#if defined(__CUDACC__)
// `arguments` point to the kernel's parameters.
void EnqueueKernel(const void* kernel, const GridSize& grid, Dim3 block,
                   size_t dynamic_shared_bytes, Stream& stream,
                   void** arguments);
#else
// `kernel` calls the kernel with its arguments.
void EnqueueKernel(std::function<void()> kernel, const GridSize& grid,
                   Dim3 block, size_t dynamic_shared_bytes, Stream& stream);
#endif

// Enqueues kernel(arguments...). Arguments are copied now. What a launch does
// wrong, or a kernel, is the status of the stream's Runtime later on.
template <class... Parameters>
void Launch(void (*kernel)(Parameters...), const GridSize& grid, Dim3 block,
            size_t dynamic_shared_bytes, Stream& stream,
            std::type_identity_t<Parameters>... arguments) {
#if defined(__CUDACC__)
  void* pointers[] = {&arguments..., nullptr};
  EnqueueKernel(reinterpret_cast<const void*>(kernel), grid, block,
                dynamic_shared_bytes, stream, pointers);
#else
  EnqueueKernel(
      [kernel, ... arguments = std::move(arguments)] { kernel(arguments...); },
      grid, block, dynamic_shared_bytes, stream);
#endif
}

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_LAUNCH_H_
