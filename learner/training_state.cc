#include "learner/training_state.h"

#include <algorithm>
#include <utility>

namespace r1 {

TrainingState StartTraining(const ModelConfig& config, ParamSet params,
                            bool with_reference, Ops* ops) {
  auto weights = std::make_shared<ModelWeights>(config, std::move(params),
                                                /*is_trained=*/true);
  weights->Pack(ops);
  TrainingState state(std::move(weights));
  if (with_reference) {
    state.reference = std::make_unique<ModelWeights>(
        config, state.weights->params().Clone(), /*is_trained=*/false);
    state.reference->Pack(ops);
  }
  return state;
}

void ReplaceReference(const ModelWeights& weights, Ops* ops,
                      ModelWeights* reference) {
  const absl::Span<const float> from = weights.params().flat();
  std::copy(from.begin(), from.end(),
            reference->mutable_params().flat().begin());
  reference->Pack(ops);
}

}  // namespace r1
