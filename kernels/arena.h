// Memory for tensors that are needed for a while: taken one after the other,
// given back together.
#ifndef R1_KERNELS_ARENA_H_
#define R1_KERNELS_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/buffer.h"
#include "kernels/tensor.h"

namespace r1 {

// Grows to the most that was ever taken at a time: work that comes again takes
// nothing new from the device. Threads: one caller at a time.
class Arena {
 private:
  struct Place {
    size_t block = 0;
    int64_t offset = 0;  // in it
  };

 public:
  explicit Arena(Device* device) : device_(device) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // A matrix whose elements are undefined.
  Tensor Take(int64_t rows, int64_t cols, DType dtype = DType::kF32);
  // Gives back all that was taken.
  void Clear() { Release({}); }

  // Gives back, when it ends, what was taken since it began.
  class Scope {
   public:
    explicit Scope(Arena* arena) : arena_(arena), begin_(arena->next_) {}
    ~Scope() { arena_->Release(begin_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena* arena_;
    const Place begin_;
  };

 private:
  void Release(Place place);

  Device* device_;
  std::vector<Buffer> blocks_;
  Place next_;  // the first element that is not taken
};

}  // namespace r1

#endif  // R1_KERNELS_ARENA_H_
