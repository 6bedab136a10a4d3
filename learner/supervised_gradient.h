// Forward, loss and backward of next-token training over some examples.
#ifndef R1_LEARNER_SUPERVISED_GRADIENT_H_
#define R1_LEARNER_SUPERVISED_GRADIENT_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/ops.h"
#include "learner/packing.h"
#include "model/gradients.h"
#include "model/packed_model.h"
#include "model/weights.h"

namespace r1 {

// Tokens per forward and backward, or one longer example: bounds the memory of
// activations.
inline constexpr int64_t kMicrobatchTokens = 4096;

// Threads: one learner thread.
class SupervisedGradient {
 public:
  SupervisedGradient(const ModelConfig& config, Ops* ops, Keep keep)
      : model_(config, ops, keep) {}

  // Adds to `grads` what the examples contribute to the gradient of the mean
  // loss over `scored` tokens, and returns the sum of their log-probs, nats.
  double Compute(const PolicyWeights& weights,
                 absl::Span<const TrainSequence* const> examples,
                 int64_t scored, Gradients grads);
  // That sum alone.
  double SumLogprobs(const PolicyWeights& weights,
                     absl::Span<const TrainSequence* const> examples);

 private:
  PackedModel model_;
};

// Tokens of the examples that are scored.
int64_t ScoredOf(absl::Span<const TrainSequence* const> examples);

}  // namespace r1

#endif  // R1_LEARNER_SUPERVISED_GRADIENT_H_
