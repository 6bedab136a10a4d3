#include "base/check.h"
#include "kernels/cpu/attention.h"

namespace r1::cpu {

void AttentionBackward(ThreadPool&, CpuScratch&, ConstMat, ConstMat, ConstMat,
                       ConstMat, absl::Span<const SequenceRows>, const KvPages&,
                       float, Mat, Mat, Mat) {
  R1_CHECK(false, "not linked");
}

}  // namespace r1::cpu
