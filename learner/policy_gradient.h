// Forward, loss and backward over one minibatch of samples.
#ifndef R1_LEARNER_POLICY_GRADIENT_H_
#define R1_LEARNER_POLICY_GRADIENT_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "kernels/ops.h"
#include "learner/packing.h"
#include "learner/policy_loss.h"
#include "model/packed_model.h"
#include "model/param_set.h"
#include "model/weights.h"

namespace r1 {

// A scored sample, ready to train on: prompt and completion, the latter scored.
struct PolicySample {
  uint64_t prompt_id = 0;
  uint32_t sample_index = 0;
  TrainSequence sequence;
  std::vector<float> rollout_logprobs;  // [scored]
  std::vector<float> old_logprobs;      // [scored]; see ScoreOldLogprobs
  float advantage = 0;
};

// Where a sample's rollout log-probs are furthest from the trainer's.
struct Deviation {
  const PolicySample* sample = nullptr;
  int64_t token = 0;  // of the completion
  float rollout = 0, trainer = 0;

  double nats() const {
    return std::abs(static_cast<double>(trainer) - rollout);
  }
};

struct MinibatchGradient {
  double loss = 0;
  PolicyLossStats stats;
  int64_t tokens = 0;                 // prompt and completion
  std::vector<Deviation> deviations;  // of samples that deviate at all
};

MinibatchExtent ExtentOf(absl::Span<const PolicySample* const> minibatch);

// Threads: one learner thread.
class PolicyGradient {
 public:
  // `temperature` is the rollout's: log-probs are those of the distribution
  // that was sampled from. `on_tokens` hears of the tokens of each microbatch.
  PolicyGradient(const ModelConfig& config, const PolicyLossConfig& loss,
                 float temperature, int64_t microbatch_tokens,
                 std::function<void(int64_t)> on_tokens, Ops* ops,
                 Keep keep = Keep::kAll)
      : loss_(loss),
        temperature_(temperature),
        microbatch_tokens_(microbatch_tokens),
        on_tokens_(std::move(on_tokens)),
        ops_(ops),
        model_(config, ops, keep),
        dembedding_(ops->device()) {}

  // Adds the loss's gradient over the minibatch to `grads`. Samples of one
  // prompt that follow one another share its rows. `reference` may be null: no
  // KL term; then samples with advantage 0 have no gradient (unless there is an
  // entropy term) and no backward pass. The same bits for any
  // microbatch_tokens and any number of threads.
  // `is_on_policy` says that old_logprobs are those that `weights` give, to the
  // bit, or that the result is thrown away if they are not: then the loss's
  // gradient is known beforehand, which saves a pass of the head. The log-probs
  // of the result are computed ones in any case.
  MinibatchGradient Compute(const PolicyWeights& weights,
                            const PolicyWeights* reference,
                            absl::Span<const PolicySample* const> minibatch,
                            bool is_on_policy, Gradients grads) {
    return ComputeShard(weights, reference, minibatch, ExtentOf(minibatch),
                        is_on_policy, grads);
  }
  // The same of some samples of a minibatch with this extent: what they
  // contribute to its loss and gradient.
  MinibatchGradient ComputeShard(const PolicyWeights& weights,
                                 const PolicyWeights* reference,
                                 absl::Span<const PolicySample* const> shard,
                                 const MinibatchExtent& extent,
                                 bool is_on_policy, Gradients grads);

  // Sets old_logprobs to the trainer's own log-probs under `weights`. Without
  // this they are the rollout's, which are the same bits where sampler and
  // trainer share kernels; truncated importance sampling needs both. Returns
  // where they are not.
  std::vector<Deviation> ScoreOldLogprobs(const PolicyWeights& weights,
                                          absl::Span<PolicySample> samples);

 private:
  using Samples = absl::Span<const PolicySample* const>;
  struct TokenValues;  // per token of some samples
  bool HasGradient(const PolicySample& sample,
                   const PolicyWeights* reference) const;
  std::vector<GroupBatch> Pack(Samples samples) const;
  // One microbatch of Compute.
  void Train(const PolicyWeights& weights, const PolicyWeights* reference,
             const PackedBatch& batch, const MinibatchExtent& extent,
             bool is_on_policy, int64_t first_token, TokenValues* values,
             Gradients grads, Tensor dembedding);
  void Score(const PolicyWeights& weights, const PackedBatch& batch,
             absl::Span<float> logprobs, absl::Span<float> entropies);
  void ReportTokens(Samples samples);

  PolicyLossConfig loss_;
  float temperature_;
  int64_t microbatch_tokens_;
  std::function<void(int64_t)> on_tokens_;
  Ops* ops_;
  PackedModel model_;
  Buffer dembedding_;  // [V, C] if tied to the head; see PackedModel::Backward
};

}  // namespace r1

#endif  // R1_LEARNER_POLICY_GRADIENT_H_
