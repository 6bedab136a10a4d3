// Writing keys and values into the pages of the KV cache.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "kernels/cpu/attention_tasks.h"
#include "kernels/cpu/cpu_batch.h"
#include "kernels/cpu/cpu_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/kv.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After highway.h
#include "kernels/cpu/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// Stores the rows of one sequence that fall into its page `page`.
void WritePage(ConstMat k, ConstMat v, const SequenceRows& s, int64_t page,
               const KvPages& cache) {
  const int64_t begin = std::max(s.first_position, page * kPageTokens);
  const int64_t end =
      std::min(s.first_position + s.row_count, (page + 1) * kPageTokens);
  const int64_t slot = begin - page * kPageTokens;
  const int64_t row = s.row_begin + begin - s.first_position;
  const int64_t count = end - begin;
  const int64_t depth = cache.head_dim;
  for (int head = 0; head < cache.num_kv_heads; ++head) {
    Transpose(k.Row(row) + head * depth, count, depth, k.stride,
              KeyBlock(cache, s.pages[page], head) + slot, kPageTokens);
    float* values = ValueBlock(cache, s.pages[page], head) + slot * depth;
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(values + i * depth, v.Row(row + i) + head * depth,
                  depth * sizeof(float));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(WritePage);

// Pages that the rows of a sequence touch.
int64_t TouchedPages(const SequenceRows& s) {
  if (s.row_count == 0) return 0;
  return (s.first_position + s.row_count - 1) / kPageTokens -
         s.first_position / kPageTokens + 1;
}

}  // namespace

// Sequences that share a page write different positions.
void CpuOps::KvWrite(Tensor k, Tensor v, const DeviceBatch& batch,
                     const KvPages& cache) {
  const absl::Span<const SequenceRows> sequences = WritesOf(batch);
  const int64_t width = int64_t{cache.num_kv_heads} * cache.head_dim;
  R1_CHECK(k.cols == width && v.cols == width && k.rows == v.rows,
           "k and v are [T, K * D]");
  CheckSequences(sequences, cache, k.rows);
  const SequenceTasks tasks(sequences, TouchedPages);
  const auto write = [&](int64_t task, int) {
    const SequenceTasks::Task t = tasks.Find(task);
    const SequenceRows& s = sequences[t.sequence];
    HWY_DYNAMIC_DISPATCH(WritePage)
    (k, v, s, s.first_position / kPageTokens + t.part, cache);
  };
  // Copying so little takes less time than waking the threads.
  constexpr int64_t kSerialFloats = 8192;
  if (k.rows * width <= kSerialFloats) {
    for (int64_t task = 0; task < tasks.count(); ++task) write(task, 0);
    return;
  }
  pool_.ParallelFor(tasks.count(), write);
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
