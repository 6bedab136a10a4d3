#include "learner/training_state.h"

#include <utility>

namespace r1 {

TrainingState StartTraining(const ModelConfig& config, ParamSet params,
                            bool with_reference, Ops* ops) {
  OptimizerState optimizer(params.shared_layout());
  TrainingState state = {.config = config,
                         .params = std::move(params),
                         .optimizer = std::move(optimizer),
                         .slots = WeightSlots(config)};
  RenewWeights(ops, &state);
  if (with_reference) state.reference = state.weights;
  return state;
}

void RenewWeights(Ops* ops, TrainingState* state) {
  state->weights = nullptr;  // first, so that its memory can serve again
  std::shared_ptr<PolicyWeights> next = state->slots.Next();
  next->Assign(state->params, ops);
  state->weights = std::move(next);
}

}  // namespace r1
