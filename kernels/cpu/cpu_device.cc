#include "kernels/cpu/cpu_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "base/system_memory.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/matrix.h"

namespace r1 {

// Never destroyed: buffers of any age give their memory back to it.
Device* CpuDevice() {
  static cpu::Cpu* const device = new cpu::Cpu;
  return device;
}

std::unique_ptr<Ops> MakeCpuOps(int num_threads) {
  return CpuDevice()->MakeOps(num_threads);
}

namespace cpu {
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
void* Map(size_t bytes) {
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
  return aligned;
}

void CheckElements(const Tensor& x, int64_t begin, int64_t size) {
  R1_CHECK(x.is_dense(), "the tensor has no gaps");
  R1_CHECK(begin >= 0 && begin + size <= x.count(), "elements of the tensor");
}

}  // namespace

std::string Cpu::identity() const { return CpuTargetName(); }

int64_t Cpu::memory_bytes() const { return SystemMemoryBytes(); }

std::unique_ptr<Ops> Cpu::MakeOps(int threads) {
  return std::make_unique<CpuOps>(threads);
}

DevicePtr Cpu::Allocate(int64_t bytes) {
  if (IsMapped(bytes)) return DeviceAccess::Address(Map(bytes));
  const size_t rounded = RoundUp(bytes, kLineBytes);
  void* data = std::aligned_alloc(kLineBytes, rounded);
  R1_CHECK(data != nullptr, "out of memory");
  std::memset(data, 0, rounded);
  return DeviceAccess::Address(data);
}

void Cpu::Free(DevicePtr at, int64_t bytes) {
  void* data = DeviceAccess::Pointer(at);
  if (IsMapped(bytes)) {
    munmap(data, RoundUp(bytes, kHugePageBytes));
  } else {
    std::free(data);
  }
}

void Cpu::Read(Tensor x, int64_t begin, absl::Span<float> out) {
  CheckElements(x, begin, out.size());
  std::copy_n(ConstMat(x).data + begin, out.size(), out.begin());
}

void Cpu::Write(absl::Span<const float> values, int64_t begin, Tensor x) {
  CheckElements(x, begin, values.size());
  std::copy(values.begin(), values.end(), Mat(x).data + begin);
}

}  // namespace cpu
}  // namespace r1
