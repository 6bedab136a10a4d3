#include "kernels/thread_pool.h"

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace r1 {
namespace {

using Task = absl::FunctionRef<void(int64_t, int)>;

// Long enough to bridge the gap between two ops, short enough that an idle
// pool costs nothing and a partner without a core gets one.
constexpr std::chrono::microseconds kSpinTime(30);

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Spins until `done()` or until kSpinTime has passed; returns the last done().
template <typename Done>
bool SpinUntil(Done done) {
  constexpr int kChecksPerClockRead = 32;
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < kChecksPerClockRead; ++i) {
      if (done()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return done();
}

}  // namespace

// A job is published by storing `state` = (epoch, tasks left). A task is
// claimed by decrementing the low half with a compare-and-swap, so a thread
// that wakes late either claims a task of the job that is current or finds
// none: it can never act on a job that has ended. The caller waits for tasks,
// not for threads; a worker without a core delays only what it has claimed.
struct ThreadPool::Impl {
  explicit Impl(int num_workers) {
    workers.reserve(num_workers);
    for (int i = 0; i < num_workers; ++i) {
      workers.emplace_back([this, thread = i + 1] { Work(thread); });
    }
  }

  ~Impl() {
    stop.store(true, std::memory_order_relaxed);
    wakeups.fetch_add(1, std::memory_order_seq_cst);
    wakeups.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  static uint32_t TasksLeft(uint64_t state) {
    return static_cast<uint32_t>(state);
  }

  // Runs tasks of the current job until none is left.
  void RunTasks(int thread) {
    uint32_t ran = 0;
    uint64_t seen = state.load(std::memory_order_acquire);
    while (TasksLeft(seen) > 0) {
      if (!state.compare_exchange_weak(seen, seen - 1,
                                       std::memory_order_acq_rel)) {
        continue;
      }
      // The claim keeps the job alive: num_tasks and task are stable.
      (*task)(num_tasks - TasksLeft(seen), thread);
      ++ran;
      seen = state.load(std::memory_order_acquire);
    }
    if (ran > 0) Finish(ran);
  }

  void Finish(uint32_t ran) {
    if (finished.fetch_add(ran, std::memory_order_acq_rel) + ran ==
        expected.load(std::memory_order_relaxed)) {
      finished.notify_one();
    }
  }

  void Work(int thread) {
    for (;;) {
      const uint32_t seen = wakeups.load(std::memory_order_seq_cst);
      const auto has_work = [this] {
        return TasksLeft(state.load(std::memory_order_acquire)) > 0 ||
               stop.load(std::memory_order_relaxed);
      };
      if (!SpinUntil(has_work)) {
        wakeups.wait(seen, std::memory_order_seq_cst);
        continue;
      }
      if (stop.load(std::memory_order_relaxed)) return;
      RunTasks(thread);
    }
  }

  std::vector<std::thread> workers;
  // Written by the caller between jobs.
  const Task* task = nullptr;
  uint32_t num_tasks = 0;
  uint32_t epoch = 0;
  // Each on its own cache line: all threads poll them.
  alignas(64) std::atomic<uint64_t> state = 0;
  alignas(64) std::atomic<uint32_t> finished = 0;
  alignas(64) std::atomic<uint32_t> expected = 0;
  alignas(64) std::atomic<uint32_t> wakeups = 0;
  std::atomic<bool> stop = false;
};

ThreadPool::ThreadPool(int num_threads) : num_threads_(num_threads) {
  R1_CHECK(num_threads >= 1, "a pool needs a thread");
  impl_ = std::make_unique<Impl>(num_threads - 1);
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::ParallelFor(int64_t num_tasks, Task fn) {
  if (num_threads_ == 1 || num_tasks <= 1) {
    for (int64_t task = 0; task < num_tasks; ++task) fn(task, 0);
    return;
  }
  R1_CHECK(num_tasks <= std::numeric_limits<uint32_t>::max(), "too many tasks");
  Impl& impl = *impl_;
  impl.task = &fn;
  impl.num_tasks = static_cast<uint32_t>(num_tasks);
  impl.finished.store(0, std::memory_order_relaxed);
  impl.expected.store(impl.num_tasks, std::memory_order_relaxed);
  const uint64_t epoch = ++impl.epoch;
  impl.state.store(epoch << 32 | impl.num_tasks, std::memory_order_seq_cst);
  impl.wakeups.fetch_add(1, std::memory_order_seq_cst);
  impl.wakeups.notify_all();
  impl.RunTasks(0);
  const auto all_done = [&] {
    return impl.finished.load(std::memory_order_acquire) == impl.num_tasks;
  };
  if (SpinUntil(all_done)) return;
  for (uint32_t seen = impl.finished.load(std::memory_order_acquire);
       seen != impl.num_tasks;
       seen = impl.finished.load(std::memory_order_acquire)) {
    impl.finished.wait(seen, std::memory_order_acquire);
  }
}

}  // namespace r1
