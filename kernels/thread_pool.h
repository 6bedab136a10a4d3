// A persistent pool of threads that splits outputs, never a reduction: so the
// number of threads cannot change a result.
#ifndef R1_KERNELS_THREAD_POOL_H_
#define R1_KERNELS_THREAD_POOL_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"

namespace r1 {

// Threads: one caller at a time.
class ThreadPool {
 public:
  // The caller counts as one of the `num_threads` (>= 1).
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return num_threads_; }

  // Calls fn(task, thread) once for every task in [0, num_tasks), in any
  // order, and returns when all are done. `thread` in [0, num_threads) is the
  // executing thread, for per-thread scratch. Tasks write disjoint outputs.
  void ParallelFor(int64_t num_tasks,
                   absl::FunctionRef<void(int64_t task, int thread)> fn);

 private:
  struct Impl;
  int num_threads_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace r1

#endif  // R1_KERNELS_THREAD_POOL_H_
