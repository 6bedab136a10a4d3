// Everything that a stage (pretrain, SFT or RL) continues from, bit for bit.
#ifndef R1_LEARNER_TRAINING_STATE_H_
#define R1_LEARNER_TRAINING_STATE_H_

#include <cstdint>
#include <memory>

#include "kernels/ops.h"
#include "learner/optimizer.h"
#include "model/param_set.h"
#include "model/weights.h"

namespace r1 {

struct TrainingState {
  int64_t step = 0;         // finished steps of the stage
  uint64_t version = 0;     // of the weights; RL publishes them under it
  uint64_t next_index = 0;  // next prompt or example to draw
  std::shared_ptr<ModelWeights> weights;  // packed, trained
  OptimizerState optimizer;
  std::unique_ptr<ModelWeights> reference;  // packed; null without KL term

  explicit TrainingState(std::shared_ptr<ModelWeights> weights)
      : weights(std::move(weights)),
        optimizer(this->weights->params().shared_layout()) {}
};

// Step 0 of a stage: these parameters, zero moments and, `with_reference`, a
// frozen copy as the reference policy.
TrainingState StartTraining(const ModelConfig& config, ParamSet params,
                            bool with_reference, Ops* ops);

// Makes the reference policy the current one (paper section 2.1: every 400
// steps).
void ReplaceReference(const ModelWeights& weights, Ops* ops,
                      ModelWeights* reference);

}  // namespace r1

#endif  // R1_LEARNER_TRAINING_STATE_H_
