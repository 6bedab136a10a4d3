#include "kernels/cpu/logprob.h"

#include "base/check.h"

namespace r1::cpu {

void LogprobForward(ThreadPool&, CpuScratch&, ConstMat, const PackedMatrix&,
                    absl::Span<const int32_t>, float, absl::Span<float>,
                    absl::Span<float>) {
  R1_CHECK(false, "not linked");
}

void LogprobBackward(ThreadPool&, CpuScratch&, ConstMat, const PackedMatrix&,
                     const PackedMatrix&, absl::Span<const int32_t>, float,
                     absl::Span<const float>, absl::Span<const float>, Mat, Mat,
                     absl::Span<float>, absl::Span<float>) {
  R1_CHECK(false, "not linked");
}

}  // namespace r1::cpu
