// Allocations of the emulated device: which ranges there are, and redzones
// around them.
#ifndef R1_KERNELS_CUDA_EMU_DEVICE_MEMORY_H_
#define R1_KERNELS_CUDA_EMU_DEVICE_MEMORY_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"

namespace r1::cuda::emu {

// Threads: as a plain object.
class DeviceHeap {
 public:
  explicit DeviceHeap(int64_t limit) : left_(limit) {}

  // Null: there is not as much left. At a multiple of 256, filled with NaN.
  char* Allocate(int64_t bytes);
  // Says what Check() says of this allocation.
  absl::Status Free(char* at);

  // Internal if a redzone was written.
  absl::Status Check() const;
  // OutOfRange unless the bytes belong to one allocation.
  absl::Status CheckRange(const void* at, int64_t bytes) const;

 private:
  absl::Status CheckRedzones(const char* at, int64_t bytes) const;

  int64_t left_;
  std::map<const char*, int64_t> sizes_;  // by address
};

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_DEVICE_MEMORY_H_
