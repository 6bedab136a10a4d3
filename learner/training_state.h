// Everything that a stage (pretrain, SFT or RL) continues from, bit for bit.
#ifndef R1_LEARNER_TRAINING_STATE_H_
#define R1_LEARNER_TRAINING_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/ops.h"
#include "learner/optimizer.h"
#include "model/gradients.h"
#include "model/lora.h"
#include "model/param_set.h"
#include "model/transformer.h"
#include "model/weights.h"

namespace r1 {

struct TrainingState {
  int64_t step = 0;         // finished steps of the stage
  uint64_t version = 0;     // of the weights; RL publishes them under it
  uint64_t next_index = 0;  // next prompt or example to draw
  ModelConfig config;
  Keep keep = Keep::kAll;  // of a forward pass; never changes a result
  // The master copy, which the optimizer changes: all parameters, or with
  // `lora` the adapters.
  ParamSet params;
  OptimizerState optimizer;
  WeightSlots slots;
  std::shared_ptr<const Lora> lora = nullptr;  // all parameters are trained
  std::string lora_base = "";                  // the folder of its W0
  // What is sampled, scored and trained with: the values of params, with `lora`
  // the sum.
  std::shared_ptr<const PolicyWeights> weights = nullptr;
  std::shared_ptr<const PolicyWeights> reference = nullptr;  // no KL term
};

// Step 0 of a stage: these parameters, zero moments and, `with_reference`,
// their weights as the reference policy, too.
TrainingState StartTraining(const ModelConfig& config, ParamSet params,
                            bool with_reference, Ops* ops);

// Step 0 of a stage that trains adapters of these parameters, which are those
// of the folder `base`; `lora` passes CheckLora. `seed`: of the adapters.
TrainingState StartLora(const LoraConfig& lora, uint64_t seed,
                        const std::string& base, const ModelConfig& config,
                        const ParamSet& params, bool with_reference, Ops* ops);

// Makes state->weights those of state->params.
void RenewWeights(Ops* ops, TrainingState* state);

// The reference policy that a stage with `lora` begins with: W0 itself, unless
// what is sampled with are other numbers, those of `weights`.
std::shared_ptr<const PolicyWeights> FirstReference(const TrainingState& state);

// `sums` have the layout of state.params, and last no longer than `state`.
Gradients GradientsOf(const TrainingState& state, ParamSet* sums);

// Elements [begin, begin + size) of a tensor of the model that is trained, in
// fp32: those of params, or with `lora` of the sum. state.weights has its
// layout.
void ReadModel(const TrainingState& state, int tensor, int64_t begin,
               absl::Span<float> out);

// HashParams of that model.
std::string HashModel(const TrainingState& state);

}  // namespace r1

#endif  // R1_LEARNER_TRAINING_STATE_H_
