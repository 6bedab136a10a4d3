#include "kernels/cuda/emu/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>

#include "base/check.h"

#if defined(R1_EMU_ASAN)
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom,
                                    size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** old_bottom,
                                     size_t* old_size);
void __asan_unpoison_memory_region(void const volatile* address, size_t size);
}
#endif
#if defined(__SANITIZE_THREAD__)
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}
#endif

// Keeps what the System V ABI says a call keeps: six registers, the rounding
// modes and the stack pointer. swapcontext() would make a system call as well.
extern "C" void R1EmuSwitchStack(void** save, void* load);
asm(R"(
.text
.globl R1EmuSwitchStack
.type R1EmuSwitchStack, @function
R1EmuSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size R1EmuSwitchStack, . - R1EmuSwitchStack
)");

namespace r1::cuda::emu {
namespace {

constexpr size_t kGuardBytes = 4096;
// A kernel keeps its tiles in registers, which are on the stack here.
#if defined(R1_EMU_ASAN) || defined(__SANITIZE_THREAD__)
constexpr size_t kStackBytes = 252 << 10;
#else
constexpr size_t kStackBytes = 60 << 10;
#endif

// The two ends of the last switch on this host thread.
constinit thread_local Fiber* leaving = nullptr;
constinit thread_local Fiber* arriving = nullptr;

}  // namespace

Fiber::Fiber() {
#if defined(__SANITIZE_THREAD__)
  sanitizer_fiber_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(void (*entry)(void*), void* argument)
    : entry_(entry), argument_(argument) {
  memory_ = static_cast<char*>(mmap(nullptr, kGuardBytes + kStackBytes,
                                    PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  R1_CHECK(
      memory_ != MAP_FAILED && mprotect(memory_, kGuardBytes, PROT_NONE) == 0,
      "memory for the stack of an emulated thread");
  bottom_ = memory_ + kGuardBytes;
  size_ = kStackBytes;
  // What R1EmuSwitchStack pops: rounding modes, six registers and where to go
  // on; above them a return address that is none.
  void** top = reinterpret_cast<void**>(memory_ + kGuardBytes + kStackBytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&Fiber::Start);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  const uint64_t mxcsr = 0x1f80, x87_control = 0x37f;
  *--top = reinterpret_cast<void*>(mxcsr | x87_control << 32);
  stack_pointer_ = top;
#if defined(__SANITIZE_THREAD__)
  sanitizer_fiber_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  if (memory_ == nullptr) return;
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(sanitizer_fiber_);
#endif
#if defined(R1_EMU_ASAN)
  // A fiber that never went on left its frames' redzones behind.
  __asan_unpoison_memory_region(bottom_, size_);
#endif
  munmap(memory_, kGuardBytes + kStackBytes);
}

void Fiber::Switch(Fiber& from, Fiber& to) {
  leaving = &from;
  arriving = &to;
  void* fake_stack = nullptr;
#if defined(R1_EMU_ASAN)
  __sanitizer_start_switch_fiber(&fake_stack, to.bottom_, to.size_);
#endif
#if defined(__SANITIZE_THREAD__)
  constexpr unsigned kDoesNotOrder = 1;
  __tsan_switch_to_fiber(to.sanitizer_fiber_, kDoesNotOrder);
#endif
  R1EmuSwitchStack(&from.stack_pointer_, to.stack_pointer_);
  Arrive(fake_stack);
}

void Fiber::Arrive([[maybe_unused]] void* fake_stack) {
#if defined(R1_EMU_ASAN)
  const void* bottom;
  size_t size;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
  if (leaving->memory_ == nullptr) {  // where the host thread's stack lies
    leaving->bottom_ = bottom;
    leaving->size_ = size;
  }
#endif
}

void Fiber::Start() {
  Arrive(nullptr);
  Fiber* const self = arriving;
  self->entry_(self->argument_);
  R1_CHECK(false, "a fiber's function does not return");
}

}  // namespace r1::cuda::emu
