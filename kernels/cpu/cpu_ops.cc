#include "kernels/cpu/cpu_ops.h"

#include "kernels/cpu/attention.h"
#include "kernels/cpu/kv.h"

namespace r1 {

std::unique_ptr<Ops> MakeCpuOps(int num_threads) {
  return std::make_unique<cpu::CpuOps>(num_threads);
}

namespace cpu {

void CpuOps::ForEachTask(int64_t count, absl::FunctionRef<void(int64_t)> task) {
  pool_.ParallelFor(count, [&](int64_t i, int) { task(i); });
}

void CpuOps::KvWrite(ConstMat k, ConstMat v,
                     absl::Span<const SequenceRows> sequences,
                     const KvPages& cache) {
  cpu::KvWrite(pool_, k, v, sequences, cache);
}

void CpuOps::AttentionForward(ConstMat q,
                              absl::Span<const SequenceRows> sequences,
                              const KvPages& cache, float scale, Mat out,
                              Mat lse) {
  cpu::AttentionForward(pool_, scratch_, q, sequences, cache, scale, out, lse);
}

void CpuOps::AttentionBackward(ConstMat q, ConstMat out, ConstMat lse,
                               ConstMat dout,
                               absl::Span<const SequenceRows> sequences,
                               const KvPages& cache, float scale, Mat dq,
                               Mat dk, Mat dv) {
  cpu::AttentionBackward(pool_, scratch_, q, out, lse, dout, sequences, cache,
                         scale, dq, dk, dv);
}

}  // namespace cpu
}  // namespace r1
