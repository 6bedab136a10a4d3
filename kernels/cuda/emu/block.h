// The threads of a block, one after the other on one host thread: who runs,
// what waits for whom, and shared memory. Kernels meet it through
// emu/device.h; emu/grid.h runs blocks.
#ifndef R1_KERNELS_CUDA_EMU_BLOCK_H_
#define R1_KERNELS_CUDA_EMU_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "kernels/cuda/dim3.h"
#include "kernels/cuda/emu/async_copies.h"
#include "kernels/cuda/emu/fiber.h"
#include "kernels/cuda/emu/shared_memory.h"
#include "kernels/cuda/emu/vector_types.h"
#include "kernels/cuda/source_line.h"

namespace r1::cuda::emu {

inline constexpr unsigned kWarpSize = 32;

// A grid's shape and its order of threads.
struct GridShape {
  Dim3 grid, block;
  size_t dynamic_shared_bytes = 0;
  // 0: threads run in order of their index. Others: in a random order of which
  // this is the seed, and memory begins as noise in the place of NaN.
  uint64_t seed = 0;
};

// Computes an operation of a warp: arguments[lane] is what that lane left, for
// the lanes in the mask.
using WarpOperation = void (*)(uint32_t mask, void* const* arguments);

struct Warp {
  uint32_t live = 0;     // lanes that have not left the kernel
  uint32_t arrived = 0;  // lanes that wait
  void* arguments[kWarpSize];
};

class Block;

enum class ThreadState : uint8_t { kReady, kAtBarrier, kAtWarp, kDone };

struct Thread {
  explicit Thread(void (*entry)(void*)) : fiber(entry, this) {}

  uint3 index;    // threadIdx
  unsigned rank;  // in the block
  unsigned lane;
  Warp* warp;
  Block* block;
  ThreadState state;
  uint32_t mask;            // of the warp operation that it waits in
  WarpOperation operation;  // the same
  SourceLine barrier;
  AsyncCopies copies;
  Fiber fiber;
};

// The thread that runs now.
extern constinit thread_local Thread* current;

// Threads: as a plain object.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs `kernel` in every thread of block `index`. Empty, or what went wrong
  // and in which thread; the others are then abandoned where they stand.
  std::string Run(const GridShape& shape, uint3 index,
                  absl::FunctionRef<void()> kernel);

  // The rest is for the running thread.
  const GridShape& shape() const { return *shape_; }
  uint3 index() const { return index_; }
  SharedMemory& shared() { return shared_; }
  void Barrier(SourceLine where);
  void MeetWarp(uint32_t mask, void* argument, WarpOperation operation);
  // Ends the block with an error of the running thread: Report, then, in the
  // scope of one Unwatched, Abandon, which destroys nothing that is on the
  // thread's stack.
  void Report(const std::string& what);
  [[noreturn]] void Abandon();

 private:
  [[noreturn]] static void ThreadMain(void* thread);
  void Prepare();
  void RunThreads();
  void Leave();
  void Wake(Thread& thread);
  Thread* Next();
  // Lets another thread run until the running one is woken.
  void Yield();
  void SwitchTo(Thread* next);
  // Thread x of the block, for messages.
  std::string NameOf(const Thread& thread) const;
  std::string DescribeDeadlock() const;

  const GridShape* shape_ = nullptr;
  const absl::FunctionRef<void()>* kernel_ = nullptr;
  uint3 index_ = {};
  unsigned count_ = 0;  // of threads in this block
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Warp> warps_;
  std::vector<Thread*> ready_;  // a ring that holds all
  size_t first_ready_ = 0, num_ready_ = 0;
  unsigned at_barrier_ = 0, done_ = 0;
  std::minstd_rand random_;
  std::string error_;
  SharedMemory shared_;
  std::unique_ptr<Fiber> host_;
  // For PublishTo: what the host does before the threads, and they before it
  // goes on. Barriers have the block itself, warps their own.
  char begin_, end_;
};

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_BLOCK_H_
