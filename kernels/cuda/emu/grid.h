// Runs the blocks of a grid on a few host threads.
#ifndef R1_KERNELS_CUDA_EMU_GRID_H_
#define R1_KERNELS_CUDA_EMU_GRID_H_

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "kernels/cuda/emu/block.h"
#include "kernels/thread_pool.h"

namespace r1::cuda::emu {

// Threads: one caller at a time.
class GridRunner {
 public:
  explicit GridRunner(int host_threads);

  // Calls `kernel` once in every thread of the grid. What a launch may not ask
  // for is an InvalidArgument error; what a thread may not do is an Internal
  // one, after which the memory that the kernel writes is undefined.
  absl::Status Run(const GridShape& shape, absl::FunctionRef<void()> kernel);

 private:
  ThreadPool pool_;
  std::vector<std::unique_ptr<Block>> blocks_;  // one a host thread
};

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_GRID_H_
