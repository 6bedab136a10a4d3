// The last part of a step: logits of the rows that end a sequence, and one
// random draw from each.
#ifndef R1_ROLLOUT_SAMPLER_H_
#define R1_ROLLOUT_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/arena.h"
#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Errors: InvalidArgument naming the first field out of range, its value and
// its range (proto/rollout.proto).
absl::Status ValidateSampling(const SamplingParams& sampling);

// The random word of one draw: Philox keyed by seed, prompt, sample and the
// drawn token's absolute position in its sequence. A function of these alone,
// so any worker draws the same token.
uint32_t SamplingBits(uint64_t seed, uint64_t prompt_id, uint32_t sample_index,
                      uint32_t position);

// Threads: one caller at a time.
class Sampler {
 public:
  Sampler(const ModelConfig& config, Ops* ops);

  // One token and its log-prob for each of the `rows` [1, S] of `hidden`
  // [N, C], the final norm's output.  Shapes: all spans [S].
  void Draw(const PolicyWeights& weights, Tensor hidden, Tensor rows,
            absl::Span<const SampleRequest> requests,
            absl::Span<int32_t> tokens, absl::Span<float> logprobs);

 private:
  int64_t hidden_size_, vocab_size_, chunk_rows_;
  Ops* ops_;
  Arena arena_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_SAMPLER_H_
