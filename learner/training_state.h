// Everything that a stage (pretrain, SFT or RL) continues from, bit for bit.
#ifndef R1_LEARNER_TRAINING_STATE_H_
#define R1_LEARNER_TRAINING_STATE_H_

#include <cstdint>
#include <memory>

#include "kernels/ops.h"
#include "learner/optimizer.h"
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
  ParamSet params;         // the master copy, which the optimizer changes
  OptimizerState optimizer;
  WeightSlots slots;
  // What is sampled, scored and trained with: the values of params.
  std::shared_ptr<const PolicyWeights> weights = nullptr;
  std::shared_ptr<const PolicyWeights> reference = nullptr;  // no KL term
};

// Step 0 of a stage: these parameters, zero moments and, `with_reference`,
// their weights as the reference policy, too.
TrainingState StartTraining(const ModelConfig& config, ParamSet params,
                            bool with_reference, Ops* ops);

// Makes state->weights those of state->params.
void RenewWeights(Ops* ops, TrainingState* state);

}  // namespace r1

#endif  // R1_LEARNER_TRAINING_STATE_H_
