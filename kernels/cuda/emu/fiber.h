// A function with a stack of its own that gives up its host thread and goes on
// later: what every thread of an emulated block is. The sanitizers are told of
// every switch.
#ifndef R1_KERNELS_CUDA_EMU_FIBER_H_
#define R1_KERNELS_CUDA_EMU_FIBER_H_

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define R1_EMU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define R1_EMU_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define R1_EMU_UNWATCHED __attribute__((no_sanitize("thread")))
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_ignore_thread_begin();
void __tsan_ignore_thread_end();
}
#else
#define R1_EMU_UNWATCHED
#endif

namespace r1::cuda::emu {

// Tells ThreadSanitizer that what happened before a PublishTo(x) is seen after
// an AcquireFrom(x). It takes each fiber for a thread, so that what no barrier
// orders is a race.
inline void PublishTo([[maybe_unused]] void* x) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(x);
#endif
}
inline void AcquireFrom([[maybe_unused]] void* x) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(x);
#endif
}

// While it lives, ThreadSanitizer does not look at what this fiber does: the
// emulator's own state belongs to the host thread.
class Unwatched {
 public:
  Unwatched() { Begin(); }
  ~Unwatched() { End(); }
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;

  static void Begin() {
#if defined(__SANITIZE_THREAD__)
    __tsan_ignore_thread_begin();
#endif
  }
  static void End() {
#if defined(__SANITIZE_THREAD__)
    __tsan_ignore_thread_end();
#endif
  }
};

// Threads: a fiber runs on one host thread at a time.
class Fiber {
 public:
  // Stands for the function that runs now, on the host thread's own stack.
  Fiber();
  // Will call entry(argument), which never returns.
  Fiber(void (*entry)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Stops the running fiber `from` and lets `to` go on where it stopped.
  R1_EMU_UNWATCHED static void Switch(Fiber& from, Fiber& to);

 private:
  R1_EMU_UNWATCHED static void Start();
  R1_EMU_UNWATCHED static void Arrive(void* fake_stack);

  void* stack_pointer_ = nullptr;
  char* memory_ = nullptr;        // guard page and stack; null: a host thread
  const void* bottom_ = nullptr;  // of the stack
  size_t size_ = 0;               // of the stack
  [[maybe_unused]] void* sanitizer_fiber_ = nullptr;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_FIBER_H_
