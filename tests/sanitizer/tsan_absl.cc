// Debian's Abseil is not instrumented, so ThreadSanitizer would not see that
// absl::Mutex orders two accesses and would call every guarded variable a race.
// These definitions come before the library's; each calls the library's and
// tells the sanitizer what was ordered. The mutex itself stands for the order:
// "release" before giving it up, "acquire" after getting it.
//
// The library runs the conditions of Await() under the lock, in whichever
// thread has it. What happens inside the calls is therefore not checked.

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_ignore_thread_begin();
void __tsan_ignore_thread_end();
}

namespace {

class IgnoreInside {
 public:
  IgnoreInside() { __tsan_ignore_thread_begin(); }
  ~IgnoreInside() { __tsan_ignore_thread_end(); }
};

// A name as a template argument.
template <size_t N>
struct Name {
  constexpr Name(const char (&text)[N]) { std::copy_n(text, N, bytes); }
  char bytes[N];
};

// Calls the library's member function with this mangled name.
template <typename Result, Name kMangled, typename... Args>
Result Call(Args... args) {
  static void* const function = dlsym(RTLD_NEXT, kMangled.bytes);
  if (function == nullptr) std::abort();
  const IgnoreInside ignore;
  return reinterpret_cast<Result (*)(Args...)>(function)(args...);
}

// Notification::HasBeenNotified() is inline and loads the flag behind the
// mutex, so the order hangs on the flag's address.
void* Flag(const absl::Notification* notification) {
  static_assert(sizeof(absl::Notification) == 2 * sizeof(absl::Mutex));
  return const_cast<absl::Mutex*>(
             reinterpret_cast<const absl::Mutex*>(notification)) +
         1;
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  Call<void, "_ZN4absl7debian35Mutex4LockEv">(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  __tsan_release(this);
  Call<void, "_ZN4absl7debian35Mutex6UnlockEv">(this);
}

bool Mutex::TryLock() {
  const bool result = Call<bool, "_ZN4absl7debian35Mutex7TryLockEv">(this);
  if (result) __tsan_acquire(this);
  return result;
}

void Mutex::ReaderLock() {
  Call<void, "_ZN4absl7debian35Mutex10ReaderLockEv">(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  __tsan_release(this);
  Call<void, "_ZN4absl7debian35Mutex12ReaderUnlockEv">(this);
}

bool Mutex::ReaderTryLock() {
  const bool result =
      Call<bool, "_ZN4absl7debian35Mutex13ReaderTryLockEv">(this);
  if (result) __tsan_acquire(this);
  return result;
}

void Mutex::LockWhen(const Condition& condition) {
  Call<void, "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE">(this,
                                                                  &condition);
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  const bool result =
      Call<bool,
           "_ZN4absl7debian35Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_"
           "8DurationE">(this, &condition, timeout);
  __tsan_acquire(this);
  return result;
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  const bool result = Call<bool,
                           "_ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_"
                           "9ConditionENS0_4TimeE">(this, &condition, deadline);
  __tsan_acquire(this);
  return result;
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  Call<void, "_ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE">(
      this, &condition);
  __tsan_acquire(this);
}

bool Mutex::ReaderLockWhenWithTimeout(const Condition& condition,
                                      Duration timeout) {
  const bool result =
      Call<bool,
           "_ZN4absl7debian35Mutex25ReaderLockWhenWithTimeoutERKNS0_"
           "9ConditionENS0_8DurationE">(this, &condition, timeout);
  __tsan_acquire(this);
  return result;
}

bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition,
                                       Time deadline) {
  const bool result =
      Call<bool,
           "_ZN4absl7debian35Mutex26ReaderLockWhenWithDeadlineERKNS0_"
           "9ConditionENS0_4TimeE">(this, &condition, deadline);
  __tsan_acquire(this);
  return result;
}

void Mutex::Await(const Condition& condition) {
  __tsan_release(this);
  Call<void, "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE">(this,
                                                               &condition);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  __tsan_release(this);
  const bool result =
      Call<bool,
           "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_"
           "8DurationE">(this, &condition, timeout);
  __tsan_acquire(this);
  return result;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  __tsan_release(this);
  const bool result = Call<
      bool,
      "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE">(
      this, &condition, deadline);
  __tsan_acquire(this);
  return result;
}

void CondVar::Wait(Mutex* mutex) {
  __tsan_release(mutex);
  Call<void, "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE">(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  __tsan_release(mutex);
  const bool result = Call<
      bool,
      "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE">(
      this, mutex, timeout);
  __tsan_acquire(mutex);
  return result;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  __tsan_release(mutex);
  const bool result =
      Call<bool,
           "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE">(
          this, mutex, deadline);
  __tsan_acquire(mutex);
  return result;
}

void Notification::Notify() {
  __tsan_release(Flag(this));
  Call<void, "_ZN4absl7debian312Notification6NotifyEv">(this);
}

void Notification::WaitForNotification() const {
  Call<void, "_ZNK4absl7debian312Notification19WaitForNotificationEv">(this);
  __tsan_acquire(Flag(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  const bool result = Call<bool,
                           "_ZNK4absl7debian312Notification30WaitForNotificatio"
                           "nWithTimeoutENS0_8DurationE">(this, timeout);
  if (result) __tsan_acquire(Flag(this));
  return result;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  const bool result = Call<bool,
                           "_ZNK4absl7debian312Notification31WaitForNotificatio"
                           "nWithDeadlineENS0_4TimeE">(this, deadline);
  if (result) __tsan_acquire(Flag(this));
  return result;
}

// Copies of a Status share one text; whoever lets go of it last deletes it,
// after all that the others read. The count goes down inside the library.
void Status::UnrefNonInlined(uintptr_t rep) {
  void* const shared = RepToPointer(rep);
  __tsan_release(shared);
  __tsan_acquire(shared);
  Call<void, "_ZN4absl7debian36Status15UnrefNonInlinedEm">(rep);
}

bool BlockingCounter::DecrementCount() {
  __tsan_release(this);
  const bool result =
      Call<bool, "_ZN4absl7debian315BlockingCounter14DecrementCountEv">(this);
  if (result) __tsan_acquire(this);
  return result;
}

void BlockingCounter::Wait() {
  Call<void, "_ZN4absl7debian315BlockingCounter4WaitEv">(this);
  __tsan_acquire(this);
}

bool Barrier::Block() {
  __tsan_release(this);
  const bool result = Call<bool, "_ZN4absl7debian37Barrier5BlockEv">(this);
  __tsan_acquire(this);
  return result;
}

ABSL_NAMESPACE_END
}  // namespace absl
