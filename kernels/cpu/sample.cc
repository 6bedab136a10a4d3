#include "kernels/cpu/sample.h"

#include "base/check.h"

namespace r1::cpu {

void Sample(ThreadPool&, CpuScratch&, Mat, absl::Span<const SampleRequest>,
            absl::Span<int32_t>, absl::Span<float>) {
  R1_CHECK(false, "not linked");
}

}  // namespace r1::cpu
