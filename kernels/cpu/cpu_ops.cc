#include "kernels/cpu/cpu_ops.h"

namespace r1 {

std::unique_ptr<Ops> MakeCpuOps(int num_threads) {
  return std::make_unique<cpu::CpuOps>(num_threads);
}

namespace cpu {

void CpuOps::ForEachTask(int64_t count, absl::FunctionRef<void(int64_t)> task) {
  pool_.ParallelFor(count, [&](int64_t i, int) { task(i); });
}

}  // namespace cpu
}  // namespace r1
