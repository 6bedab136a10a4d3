// The only way to launch a kernel, on a GPU and on the emulated device.
#ifndef R1_KERNELS_CUDA_LAUNCH_H_
#define R1_KERNELS_CUDA_LAUNCH_H_

#include <cstddef>

#include "kernels/cuda/compat.h"
#if defined(__CUDACC__)
namespace r1::cuda {
using Stream = cudaStream_t;
using Dim3 = dim3;
template <class... P, class... A>
void Launch(Stream stream, void (*kernel)(P...), Dim3 grid, int block,
            size_t shared, A... args) {
  if (shared > 48 << 10) {
    cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                         cudaFuncAttributeMaxDynamicSharedMemorySize,
                         static_cast<int>(shared));
  }
  kernel<<<grid, block, shared, stream>>>(args...);
}
}  // namespace r1::cuda
#else
#include <cstdio>

#include "base/check.h"
#include "kernels/cuda/dim3.h"
#include "kernels/cuda/emu/grid.h"
namespace r1::cuda {
struct Stream {
  emu::GridRunner* runner = nullptr;
  uint64_t seed = 0;
};
template <class... P, class... A>
void Launch(Stream stream, void (*kernel)(P...), Dim3 grid, unsigned block,
            size_t shared, A... args) {
  const absl::Status status = stream.runner->Run(
      {grid, Dim3(block), shared, stream.seed}, [&] { kernel(args...); });
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    R1_CHECK(false, "a kernel runs");
  }
}
}  // namespace r1::cuda
#endif
#endif  // R1_KERNELS_CUDA_LAUNCH_H_
