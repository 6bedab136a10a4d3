#include "kernels/cpu/cpu_ops.h"

namespace r1::cpu {

void CpuOps::ForEachTask(int64_t count, absl::FunctionRef<void(int64_t)> task) {
  pool_.ParallelFor(count, [&](int64_t i, int) { task(i); });
}

}  // namespace r1::cpu
