// Gradient of a bias: the sum over tokens.
#ifndef R1_KERNELS_CPU_COLUMN_SUM_H_
#define R1_KERNELS_CPU_COLUMN_SUM_H_

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::ColumnSum.
void ColumnSum(ThreadPool& pool, ConstMat dy, absl::Span<float> db);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_COLUMN_SUM_H_
