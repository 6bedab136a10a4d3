#include "kernels/cuda/emu/device_memory.h"

#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "kernels/cuda/emu/fiber.h"

#if defined(R1_EMU_ASAN)
extern "C" {
void __asan_poison_memory_region(void const volatile* address, size_t size);
void __asan_unpoison_memory_region(void const volatile* address, size_t size);
}
#endif

namespace r1::cuda::emu {
namespace {

constexpr std::align_val_t kDeviceAlignment{256};
constexpr int64_t kDeviceRedzone = 512;
constexpr char kNaNByte = '\xff';  // fp32, bf16 and double of these are NaN

char* FirstRedzone(const char* at) {
  return const_cast<char*>(at) - kDeviceRedzone;
}

// AddressSanitizer reports an access to a redzone where it happens.
void Poison([[maybe_unused]] char* redzone) {
#if defined(R1_EMU_ASAN)
  __asan_poison_memory_region(redzone, kDeviceRedzone);
#endif
}
void Unpoison([[maybe_unused]] char* redzone) {
#if defined(R1_EMU_ASAN)
  __asan_unpoison_memory_region(redzone, kDeviceRedzone);
#endif
}

}  // namespace

char* DeviceHeap::Allocate(int64_t bytes) {
  if (bytes > left_) return nullptr;
  char* const begin = static_cast<char*>(::operator new(
      bytes + 2 * kDeviceRedzone, kDeviceAlignment, std::nothrow));
  if (begin == nullptr) return nullptr;
  std::fill_n(begin, bytes + 2 * kDeviceRedzone, kNaNByte);
  char* const at = begin + kDeviceRedzone;
  Poison(begin);
  Poison(at + bytes);
  sizes_[at] = bytes;
  left_ -= bytes;
  return at;
}

absl::Status DeviceHeap::Free(char* at) {
  const auto found = sizes_.find(at);
  R1_CHECK(found != sizes_.end(), "memory of this device is freed once");
  const absl::Status status = CheckRedzones(at, found->second);
  Unpoison(FirstRedzone(at));
  Unpoison(at + found->second);
  ::operator delete(FirstRedzone(at), kDeviceAlignment);
  left_ += found->second;
  sizes_.erase(found);
  return status;
}

absl::Status DeviceHeap::CheckRedzones([[maybe_unused]] const char* at,
                                       [[maybe_unused]] int64_t bytes) const {
#if !defined(R1_EMU_ASAN)
  for (const char* redzone : {at - kDeviceRedzone, at + bytes}) {
    for (int64_t i = 0; i < kDeviceRedzone; ++i) {
      if (redzone[i] == kNaNByte) continue;
      return absl::InternalError(
          absl::StrCat("device memory was written outside its allocation of ",
                       bytes, " bytes, at byte ", redzone + i - at));
    }
  }
#endif
  return absl::OkStatus();
}

absl::Status DeviceHeap::Check() const {
  for (const auto& [at, bytes] : sizes_) {
    if (absl::Status s = CheckRedzones(at, bytes); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status DeviceHeap::CheckRange(const void* at, int64_t bytes) const {
  const char* const begin = static_cast<const char*>(at);
  const auto after = sizes_.upper_bound(begin);
  if (after != sizes_.begin()) {
    const auto& [base, size] = *std::prev(after);
    if (begin >= base && begin + bytes <= base + size) return absl::OkStatus();
  }
  return absl::OutOfRangeError(
      absl::StrCat("copy of ", bytes,
                   " bytes: they are not in one allocation of the device"));
}

}  // namespace r1::cuda::emu
