// One thread's copies from global to shared memory that are under way
// (cp.async). Hardware may carry them out at any moment up to their wait: here
// it is the last one, and until then the destination is NaN. So a wait that is
// missing reads NaN, and a copy into memory that is still read destroys it.
#ifndef R1_KERNELS_CUDA_EMU_ASYNC_COPIES_H_
#define R1_KERNELS_CUDA_EMU_ASYNC_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace r1::cuda::emu {

class AsyncCopies {
 public:
  // `bytes` from `from`, an even number, then zeros up to 16.
  void Issue(void* to, const void* from, int bytes) {
    Store(to, ~uint64_t{0}, ~uint64_t{0});
    copies_.push_back({static_cast<uint64_t*>(to), from, bytes});
  }
  void Commit() { group_ends_.push_back(copies_.size()); }
  // Completes all groups but the last `keep`.
  void Wait(size_t keep) {
    while (group_ends_.size() - first_group_ > keep) {
      const size_t end = group_ends_[first_group_++];
      for (; first_copy_ < end; ++first_copy_) {
        Carry(copies_[first_copy_]);
      }
    }
    if (first_group_ == group_ends_.size() && first_copy_ == copies_.size()) {
      Clear();
    } else if (first_copy_ > 1024) {
      Compact();
    }
  }
  void Clear() {
    copies_.clear();
    group_ends_.clear();
    first_copy_ = first_group_ = 0;
  }

 private:
  struct Copy {
    uint64_t* to;
    const void* from;
    int bytes;
  };

  static void Carry(const Copy& copy) {
    if (copy.bytes == 16) {
      const uint64_t* const from = static_cast<const uint64_t*>(copy.from);
      return Store(copy.to, from[0], from[1]);
    }
    uint64_t words[2] = {0, 0};
    const uint16_t* const from = static_cast<const uint16_t*>(copy.from);
    for (int i = 0; i < copy.bytes / 2; ++i) {
      words[i / 4] |= uint64_t{from[i]} << i % 4 * 16;
    }
    Store(copy.to, words[0], words[1]);
  }

  // Plain stores: a call of memset or memcpy may be expanded where
  // ThreadSanitizer does not see it.
  static void Store(void* to, uint64_t low, uint64_t high) {
    static_cast<uint64_t*>(to)[0] = low;
    static_cast<uint64_t*>(to)[1] = high;
  }
  // Forgets what is done.
  void Compact() {
    copies_.erase(copies_.begin(), copies_.begin() + first_copy_);
    group_ends_.erase(group_ends_.begin(), group_ends_.begin() + first_group_);
    for (size_t& end : group_ends_) end -= first_copy_;
    first_copy_ = first_group_ = 0;
  }

  std::vector<Copy> copies_;
  std::vector<size_t> group_ends_;           // in copies_
  size_t first_copy_ = 0, first_group_ = 0;  // that are not done
};

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_ASYNC_COPIES_H_
