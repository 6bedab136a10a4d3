// Sum of squares in double precision, for the gradient norm.
#ifndef R1_KERNELS_CPU_SUM_SQUARES_H_
#define R1_KERNELS_CPU_SUM_SQUARES_H_

#include "absl/types/span.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::SumSquares. Blocks of a fixed size are added up in lanes, then in
// a balanced tree over the blocks: the order depends on the length alone.
double SumSquares(ThreadPool& pool, absl::Span<const float> x);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_SUM_SQUARES_H_
