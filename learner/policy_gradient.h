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

// Threads: one learner thread.
class PolicyGradient {
 public:
  // `temperature` is the rollout's: log-probs are those of the distribution
  // that was sampled from. `on_tokens` hears of the tokens of each microbatch.
  PolicyGradient(const ModelConfig& config, const PolicyLossConfig& loss,
                 float temperature, int64_t microbatch_tokens,
                 std::function<void(int64_t)> on_tokens, Ops* ops)
      : loss_(loss),
        temperature_(temperature),
        microbatch_tokens_(microbatch_tokens),
        on_tokens_(std::move(on_tokens)),
        model_(config, ops) {}

  // Adds the loss's gradient over the minibatch to `grads`. `reference` may be
  // null: no KL term.
  MinibatchGradient Compute(const PolicyWeights& weights,
                            const PolicyWeights* reference,
                            absl::Span<const PolicySample* const> minibatch,
                            ParamSet* grads);

  // Sets old_logprobs to the trainer's own log-probs under `weights`. Without
  // this they are the rollout's, which are the same bits where sampler and
  // trainer share kernels; truncated importance sampling needs both. Returns
  // where they are not.
  std::vector<Deviation> ScoreOldLogprobs(const PolicyWeights& weights,
                                          absl::Span<PolicySample> samples);

 private:
  using Microbatch = absl::Span<const PolicySample* const>;
  std::vector<Microbatch> Cut(Microbatch samples) const;
  void AddMicrobatch(const PolicyWeights& weights,
                     const PolicyWeights* reference, Microbatch samples,
                     const MinibatchExtent& extent, ParamSet* grads,
                     MinibatchGradient* result);

  PolicyLossConfig loss_;
  float temperature_;
  int64_t microbatch_tokens_;
  std::function<void(int64_t)> on_tokens_;
  PackedModel model_;
};

}  // namespace r1

#endif  // R1_LEARNER_POLICY_GRADIENT_H_
