#include "kernels/cpu/kv.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "kernels/cpu/attention_tasks.h"

namespace r1::cpu {
namespace {

// Pages that the rows of a sequence touch.
int64_t TouchedPages(const SequenceRows& s) {
  if (s.row_count == 0) return 0;
  return (s.first_position + s.row_count - 1) / kPageTokens -
         s.first_position / kPageTokens + 1;
}

// Stores the rows of one sequence that fall into its touched page `index`.
void WritePage(ConstMat k, ConstMat v, const SequenceRows& s, int64_t index,
               const KvPages& cache) {
  const int64_t page = s.first_position / kPageTokens + index;
  const int64_t begin = std::max(s.first_position, page * kPageTokens);
  const int64_t end =
      std::min(s.first_position + s.row_count, (page + 1) * kPageTokens);
  const int64_t slot = begin - page * kPageTokens;
  const int64_t row = s.row_begin + begin - s.first_position;
  const int64_t count = end - begin;
  const int64_t depth = cache.head_dim;
  for (int head = 0; head < cache.num_kv_heads; ++head) {
    float* key_block = KeyBlock(cache, s.pages[page], head) + slot;
    float* value_block = ValueBlock(cache, s.pages[page], head) + slot * depth;
    const float* k_rows = k.Row(row) + head * depth;
    for (int64_t d = 0; d < depth; ++d) {
      for (int64_t i = 0; i < count; ++i) {
        key_block[d * kPageTokens + i] = k_rows[i * k.stride + d];
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(value_block + i * depth, v.Row(row + i) + head * depth,
                  depth * sizeof(float));
    }
  }
}

}  // namespace

void KvWrite(ThreadPool& pool, ConstMat k, ConstMat v,
             absl::Span<const SequenceRows> sequences, const KvPages& cache) {
  const int64_t width = int64_t{cache.num_kv_heads} * cache.head_dim;
  R1_CHECK(k.cols == width && v.cols == width && k.rows == v.rows,
           "k and v are [T, K * D]");
  CheckSequences(sequences, cache, k.rows);
  const SequenceTasks tasks(sequences, TouchedPages);
  const auto write = [&](int64_t task, int) {
    const SequenceTasks::Task t = tasks.Find(task);
    WritePage(k, v, sequences[t.sequence], t.part, cache);
  };
  // Copying so little takes less time than waking the threads.
  constexpr int64_t kSerialFloats = 8192;
  if (k.rows * width <= kSerialFloats) {
    for (int64_t task = 0; task < tasks.count(); ++task) write(task, 0);
    return;
  }
  pool.ParallelFor(tasks.count(), write);
}

}  // namespace r1::cpu
