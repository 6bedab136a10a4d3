// The vocabulary head: log-probabilities and entropies of tokens, their
// gradient, and drawing tokens. Logits of a batch exist in registers, but for
// those of rows to be drawn, and for a chunk of the vocabulary as gradients.
//
// Orders: a logit is that of MatMul. Ids are taken in groups of 128: its
// maximum and sums are those of four quarters, ascending; a row's are those of
// its groups, of which lane l of a warp takes l, l + 32, … ascending before a
// butterfly of distances 16 to 1. Log-probs of drawn and of given tokens are
// made of these by one kernel, and so have the same bits.
#ifndef R1_KERNELS_CUDA_HEAD_H_
#define R1_KERNELS_CUDA_HEAD_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/cuda/launch.h"
#include "kernels/ops.h"
#include "kernels/tensor.h"

namespace r1::cuda {

// As Ops::LogprobForward. Shapes: h [T, C] and head [V, C] bf16, operands of
// MatMul; targets [1, T] int32 (one that is no id gives NaN); logprob, entropy
// [1, T] fp32 or empty; scratch [1, LogprobScratch(T, V) or more] fp32.
int64_t LogprobScratch(int64_t rows, int64_t vocabulary);
void LogprobForward(Tensor h, Tensor head, Tensor targets,
                    float inv_temperature, Tensor logprob, Tensor entropy,
                    Tensor scratch, Stream& stream);

// As Ops::LogprobBackward: the vocabulary is taken in chunks of kGradientIds,
// ascending, and dlogits are rounded to bf16. dh is one chain of steps of 16
// ids. Shapes as above; dlogprob, dentropy (or empty) [1, T]; dh [T, C], dhead
// [V, C] (or empty) fp32; scratch [1, LogprobGradientScratch(T, V) or more].
inline constexpr int64_t kGradientIds = 16384;
int64_t LogprobGradientScratch(int64_t rows, int64_t vocabulary);
void LogprobBackward(Tensor h, Tensor head, Tensor targets,
                     float inv_temperature, Tensor dlogprob, Tensor dentropy,
                     Tensor dh, Tensor dhead, Tensor logprob, Tensor entropy,
                     Tensor scratch, Stream& stream);

// A SampleRequest for the device.
struct SampleRow {
  float scale;     // of logits: log2(e) / temperature
  uint32_t share;  // top_p * 2^32, rounded up; where is_filtered
  uint32_t random_bits;
  uint32_t flags;  // kGreedy, kFiltered
};
inline constexpr uint32_t kGreedy = 1, kFiltered = 2;
std::vector<SampleRow> SampleRowsOf(absl::Span<const SampleRequest> requests);

// As Ops::Sample. Weights 2^(z - max) are taken as multiples of 2^-44, whose
// sums are exact, so that top_p and the draw are functions of the logits alone;
// what is less likely than that, relative to the likeliest, is never drawn.
// Shapes: logits [S, V] fp32, V < 2^20; rows [S, 4] int32 with the bytes of
// SampleRow; tokens [1, S] int32, logprobs [1, S]; scratch
// [1, SampleScratch(S, V) or more] fp32.
int64_t SampleScratch(int64_t rows, int64_t vocabulary);
void Sample(Tensor logits, Tensor rows, Tensor tokens, Tensor logprobs,
            Tensor scratch, Stream& stream);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_HEAD_H_
