// Splitting rows or elements over the threads of a pool.
#ifndef R1_KERNELS_CPU_PARALLEL_H_
#define R1_KERNELS_CPU_PARALLEL_H_

#include <algorithm>
#include <cstdint>

#include "kernels/thread_pool.h"

namespace r1::cpu {

// Elements of an elementwise op below which a second thread does not pay: some
// microseconds of work.
inline constexpr int64_t kElementGrain = 8192;

// Calls fn(begin, end) on disjoint ranges that cover [0, n), each of at least
// `grain` items but for the last.
template <typename Fn>
void ParallelRanges(ThreadPool& pool, int64_t n, int64_t grain, Fn fn) {
  if (n <= 0) return;
  const int64_t most = int64_t{4} * pool.num_threads();
  const int64_t tasks = std::clamp<int64_t>(n / std::max<int64_t>(grain, 1), 1,
                                            pool.num_threads() > 1 ? most : 1);
  pool.ParallelFor(tasks, [&](int64_t task, int) {
    fn(n * task / tasks, n * (task + 1) / tasks);
  });
}

// The same for rows of `cols` elements.
template <typename Fn>
void ParallelRows(ThreadPool& pool, int64_t rows, int64_t cols, Fn fn) {
  ParallelRanges(pool, rows, kElementGrain / std::max<int64_t>(cols, 1), fn);
}

// Calls fn(begin, end) on ranges of columns, for reductions over rows. Ranges
// are whole cache lines, so that threads do not share one.
template <typename Fn>
void ParallelColumns(ThreadPool& pool, int64_t rows, int64_t cols, Fn fn) {
  constexpr int64_t kLine = 16;
  const int64_t lines = (cols + kLine - 1) / kLine;
  const int64_t grain = kElementGrain / std::max<int64_t>(rows * kLine, 1);
  ParallelRanges(pool, lines, grain, [&](int64_t begin, int64_t end) {
    fn(begin * kLine, std::min(end * kLine, cols));
  });
}

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_PARALLEL_H_
