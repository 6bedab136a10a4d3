// The way of small data from the host to a device, without waiting for it.
#ifndef R1_KERNELS_CUDA_UPLOAD_H_
#define R1_KERNELS_CUDA_UPLOAD_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/runtime.h"
#include "kernels/tensor.h"

namespace r1::cuda {

// Page-locked memory that copies start from: what the host says is taken over
// at once, and the device fetches it when its stream gets there. Threads: one
// caller at a time.
class UploadRing {
 public:
  UploadRing(Runtime* runtime, Stream* stream)
      : runtime_(runtime), stream_(stream) {}

  void Copy(const void* from, DevicePtr to, int64_t bytes) {
    if (bytes == 0) return;
    Slot& slot = slots_[next_++ % slots_.size()];
    if (slot.event == nullptr) slot.event = runtime_->MakeEvent();
    // Of the slot's last copy.
    ExitIfFailed(runtime_->Synchronize(*slot.event));
    if (slot.memory == nullptr || slot.memory->bytes() < bytes) {
      auto memory = runtime_->AllocateHost(bytes + bytes / 2);
      ExitIfFailed(memory.status());
      slot.memory = *std::move(memory);
    }
    std::memcpy(slot.memory->data(), from, bytes);
    runtime_->CopyToDevice(slot.memory->data(), to, bytes, *stream_);
    runtime_->Record(*slot.event, *stream_);
  }

 private:
  struct Slot {
    std::unique_ptr<HostMemory> memory;
    std::unique_ptr<Event> event;  // that its last copy is done
  };

  Runtime* runtime_;
  Stream* stream_;
  std::array<Slot, 16> slots_;
  uint64_t next_ = 0;
};

// Integers of a batch, one list after another, to go up in one copy.
class PackedInts {
 public:
  // Where a list of rows of `cols` integers begins, and its shape.
  struct Place {
    int64_t begin, rows, cols;
  };

  Place Add(absl::Span<const int32_t> values, int64_t cols) {
    const int64_t begin = (all_.size() + 3) / 4 * 4;  // entries of 16 bytes
    all_.resize(begin);
    all_.insert(all_.end(), values.begin(), values.end());
    const int64_t size = values.size();
    return {begin, cols == 0 ? 1 : size / cols, cols == 0 ? size : cols};
  }
  // Of structs of integers.
  template <class Entry>
  Place AddEntries(const std::vector<Entry>& entries) {
    const auto* first = reinterpret_cast<const int32_t*>(entries.data());
    constexpr int64_t kCols = sizeof(Entry) / sizeof(int32_t);
    return Add({first, entries.size() * kCols}, kCols);
  }
  const std::vector<int32_t>& all() const { return all_; }

  // The list once all of them lie in `memory`.
  static Tensor At(const Tensor& memory, const Place& place) {
    Tensor list = memory.Cols(place.begin, place.rows * place.cols);
    list.rows = place.rows;
    list.cols = list.stride = place.cols;
    return list;
  }

 private:
  std::vector<int32_t> all_;
};

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_UPLOAD_H_
