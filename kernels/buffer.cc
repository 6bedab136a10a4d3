#include "kernels/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace r1 {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kHugePageBytes = size_t{2} << 20;

size_t RoundUp(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Blocks of at least one huge page are mapped, smaller ones come from malloc.
bool IsMapped(size_t bytes) { return bytes >= kHugePageBytes; }

// Fresh anonymous pages are zero. The mapping is made one huge page too long
// and trimmed, because mmap aligns to small pages only.
float* Map(size_t bytes) {
  const size_t rounded = RoundUp(bytes, kHugePageBytes);
  const size_t mapped = rounded + kHugePageBytes;
  void* raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  R1_CHECK(raw != MAP_FAILED, "out of memory");
  char* begin = static_cast<char*>(raw);
  char* aligned = reinterpret_cast<char*>(
      RoundUp(reinterpret_cast<size_t>(begin), kHugePageBytes));
  const size_t head = aligned - begin;
  if (head > 0) munmap(begin, head);
  munmap(aligned + rounded, kHugePageBytes - head);
  // Advice only: without huge pages the memory works the same, slower.
  madvise(aligned, rounded, MADV_HUGEPAGE);
  return reinterpret_cast<float*>(aligned);
}

}  // namespace

Buffer::Buffer(int64_t count) : count_(count) {
  R1_CHECK(count >= 0, "a buffer needs a size >= 0");
  if (count == 0) return;
  const size_t bytes = static_cast<size_t>(count) * sizeof(float);
  if (IsMapped(bytes)) {
    data_ = Map(bytes);
    return;
  }
  const size_t rounded = RoundUp(bytes, kLineBytes);
  data_ = static_cast<float*>(std::aligned_alloc(kLineBytes, rounded));
  R1_CHECK(data_ != nullptr, "out of memory");
  std::memset(data_, 0, rounded);
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  const size_t bytes = static_cast<size_t>(count_) * sizeof(float);
  if (IsMapped(bytes)) {
    munmap(data_, RoundUp(bytes, kHugePageBytes));
  } else {
    std::free(data_);
  }
}

}  // namespace r1
