#include "kernels/cpu/attention.h"

#include "base/check.h"

namespace r1::cpu {

void AttentionForward(ThreadPool&, CpuScratch&, ConstMat,
                      absl::Span<const SequenceRows>, const KvPages&, float,
                      Mat, Mat) {
  R1_CHECK(false, "not linked");
}

}  // namespace r1::cpu
