// How the sequences of a batch split into independent tasks of attention.
#ifndef R1_KERNELS_CPU_ATTENTION_TASKS_H_
#define R1_KERNELS_CPU_ATTENTION_TASKS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/check.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"

namespace r1::cpu {

// The keys, transposed [D, kPageTokens], of one kv-head in one page; the
// values [kPageTokens, D] follow directly.
inline float* KeyBlock(const KvPages& cache, int32_t page, int kv_head) {
  return Mat(cache.data).Row(page) +
         int64_t{2} * kv_head * cache.head_dim * kPageTokens;
}
inline float* ValueBlock(const KvPages& cache, int32_t page, int kv_head) {
  return KeyBlock(cache, page, kv_head) + int64_t{cache.head_dim} * kPageTokens;
}

// Aborts unless every sequence lies in the batch of `rows` rows and its pages
// lie in the cache.
inline void CheckSequences(absl::Span<const SequenceRows> sequences,
                           const KvPages& cache, int64_t rows) {
  for (const SequenceRows& s : sequences) {
    R1_CHECK(s.row_begin >= 0 && s.row_count >= 0 && s.first_position >= 0 &&
                 s.row_begin + s.row_count <= rows,
             "the rows of a sequence lie in the batch");
    const int64_t pages = KvPages::PagesFor(s.first_position + s.row_count);
    R1_CHECK(s.row_count == 0 || pages <= s.pages.size(),
             "the pages of a sequence cover its positions");
    for (const int32_t page : s.pages) {
      R1_CHECK(page >= 0 && page < cache.num_pages(),
               "a page lies in the cache");
    }
  }
}

// Numbers the tasks (sequence, part): sequence s has parts(s) of them.
class SequenceTasks {
 public:
  template <typename Parts>
  SequenceTasks(absl::Span<const SequenceRows> sequences, Parts parts) {
    ends_.reserve(sequences.size());
    for (const SequenceRows& s : sequences) {
      count_ += parts(s);
      ends_.push_back(count_);
    }
  }

  int64_t count() const { return count_; }

  struct Task {
    int64_t sequence;
    int64_t part;   // in [0, parts)
    int64_t parts;  // of this sequence
  };
  Task Find(int64_t task) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), task);
    const int64_t begin = end == ends_.begin() ? 0 : *(end - 1);
    return {end - ends_.begin(), task - begin, *end - begin};
  }

 private:
  std::vector<int64_t> ends_;
  int64_t count_ = 0;
};

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_ATTENTION_TASKS_H_
