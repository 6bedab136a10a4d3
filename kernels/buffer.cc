#include "kernels/buffer.h"

#include <atomic>

namespace r1 {
namespace {

std::atomic<int64_t> live_bytes = 0;

}  // namespace

Buffer::Buffer(Device* device, int64_t count) : device_(device), count_(count) {
  R1_CHECK(count >= 0, "a buffer needs a size >= 0");
  if (count == 0) return;
  R1_CHECK(device != nullptr, "a buffer has a device");
  live_bytes += 4 * count;
  at_ = device->Allocate(4 * count);
}

Buffer::~Buffer() {
  if (!at_) return;
  live_bytes -= 4 * count_;
  device_->Free(at_, 4 * count_);
}

int64_t Buffer::LiveBytes() { return live_bytes; }

}  // namespace r1
