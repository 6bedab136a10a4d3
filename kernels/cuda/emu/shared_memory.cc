#include "kernels/cuda/emu/shared_memory.h"

#include <algorithm>

namespace r1::cuda::emu {
namespace {

constexpr size_t kAlignment = 1024;  // what kernels may ask of dynamic memory
constexpr size_t kStaticAlignment = 128;
constexpr size_t kRedzone = 128;
constexpr char kRedzoneByte = '\xff';  // as floats, NaN

size_t RoundUp(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// All memory that arrays can reach. Hardly a kernel has 64 of them.
constexpr size_t kCapacity = kMaxSharedBytes + kAlignment + 64 * 2 * kRedzone;

}  // namespace

SharedMemory::SharedMemory()
    : memory_((kCapacity + kAlignment) / sizeof(uint64_t)), dirty_(kCapacity) {
  const auto begin = reinterpret_cast<uintptr_t>(memory_.data());
  data_ = reinterpret_cast<char*>(RoundUp(begin, kAlignment));
}

void SharedMemory::Reset(size_t dynamic_bytes, uint64_t noise) {
  if (has_noise_ != (noise != 0)) dirty_ = kCapacity;
  has_noise_ = noise != 0;
  arrays_.clear();
  used_ = static_ = 0;
  Fill(noise);
  Append(nullptr, dynamic_bytes);
}

// What earlier blocks had is filled, so that the arrays of this one, whose
// sizes are not known yet, have nothing of theirs.
void SharedMemory::Fill(uint64_t noise) {
  uint64_t* const words = reinterpret_cast<uint64_t*>(data_);
  uint64_t state = noise;
  for (size_t i = 0; i < dirty_ / sizeof(uint64_t); ++i) {
    if (noise == 0) {
      words[i] = ~uint64_t{0};
    } else {  // xorshift64 (Marsaglia 2003)
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      words[i] = state;
    }
  }
  dirty_ = 0;
}

void* SharedMemory::Append(const void* tag, size_t bytes) {
  const size_t begin = RoundUp(used_, kStaticAlignment);
  const size_t end = begin + bytes + kRedzone;
  if (end > kCapacity) return nullptr;
  arrays_.push_back({tag, begin, bytes});
  used_ = end;
  dirty_ = std::max(dirty_, RoundUp(used_, sizeof(uint64_t)));
  std::fill_n(data() + begin + bytes, kRedzone, kRedzoneByte);
  return data() + begin;
}

void* SharedMemory::StaticArray(const void* tag, size_t bytes) {
  for (const Array& array : arrays_) {
    if (array.tag == tag) return data() + array.begin;
  }
  static_ += bytes;
  if (static_ > kMaxStaticSharedBytes ||
      static_ + arrays_[0].bytes > kMaxSharedBytes) {
    return nullptr;
  }
  return Append(tag, bytes);
}

bool SharedMemory::RedzonesAreIntact() const {
  return std::all_of(arrays_.begin(), arrays_.end(), [&](const Array& array) {
    const char* const begin = data() + array.begin + array.bytes;
    return std::all_of(begin, begin + kRedzone,
                       [](char byte) { return byte == kRedzoneByte; });
  });
}

bool SharedMemory::Contains(const void* p, size_t bytes) const {
  const char* const at = static_cast<const char*>(p);
  return std::any_of(arrays_.begin(), arrays_.end(), [&](const Array& array) {
    const char* const begin = data() + array.begin;
    return at >= begin && at + bytes <= begin + array.bytes;
  });
}

}  // namespace r1::cuda::emu
