// A block's shared memory: the dynamic part first, then each static array when
// a thread first reaches it, with a redzone after each. It begins as NaN, or as
// noise where the order of threads is random.
#ifndef R1_KERNELS_CUDA_EMU_SHARED_MEMORY_H_
#define R1_KERNELS_CUDA_EMU_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace r1::cuda::emu {

// What a block of compute capability 9.0 and 10.0 can have (8.0: 163 KiB),
// and how much of it may be static.
inline constexpr size_t kMaxSharedBytes = 227 << 10;
inline constexpr size_t kMaxStaticSharedBytes = 48 << 10;

class SharedMemory {
 public:
  SharedMemory();

  // Begins anew; `noise` is 0 for NaN.
  void Reset(size_t dynamic_bytes, uint64_t noise);
  void* dynamic() { return data(); }
  // The array that `tag` stands for. Null: there is no room.
  void* StaticArray(const void* tag, size_t bytes);
  bool Contains(const void* p, size_t bytes) const;
  // Whether nothing was written outside the arrays.
  bool RedzonesAreIntact() const;

 private:
  struct Array {
    const void* tag;
    size_t begin;  // from data()
    size_t bytes;
  };

  char* data() const { return data_; }
  // Appends an array and its redzone.
  void* Append(const void* tag, size_t bytes);
  void Fill(uint64_t noise);

  std::vector<uint64_t> memory_;
  char* data_;  // in memory_, aligned
  bool has_noise_ = false;
  size_t used_ = 0;    // bytes that arrays and redzones take
  size_t static_ = 0;  // bytes of static arrays
  size_t dirty_ = 0;   // bytes that earlier blocks may have written
  std::vector<Array> arrays_;
};

}  // namespace r1::cuda::emu

#endif  // R1_KERNELS_CUDA_EMU_SHARED_MEMORY_H_
