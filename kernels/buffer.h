// Owned memory of one device. On the CPU: 64-byte aligned, zeroed, backed by
// huge pages where the system offers them.
#ifndef R1_KERNELS_BUFFER_H_
#define R1_KERNELS_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace r1 {

// Threads: as a plain array.
class Buffer {
 public:
  Buffer() = default;
  // `count` floats, all zero. Aborts when the system has no memory left.
  explicit Buffer(int64_t count);
  ~Buffer();
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  float* data() const { return data_; }
  int64_t count() const { return count_; }

  // Makes room for at least `count` floats; the content is lost if it grows.
  void Reserve(int64_t count) {
    if (count > count_) *this = Buffer(count);
  }

 private:
  float* data_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace r1

#endif  // R1_KERNELS_BUFFER_H_
