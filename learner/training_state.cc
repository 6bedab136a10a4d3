#include "learner/training_state.h"

#include <utility>

namespace r1 {

TrainingState StartTraining(const ModelConfig& config, ParamSet params,
                            bool with_reference, Ops* ops) {
  params = std::move(params).MovedTo(ops->device());
  OptimizerState optimizer(params);
  TrainingState state = {.config = config,
                         .params = std::move(params),
                         .optimizer = std::move(optimizer),
                         .slots = WeightSlots(config, ops->device())};
  RenewWeights(ops, &state);
  if (with_reference) state.reference = state.weights;
  return state;
}

TrainingState StartLora(const LoraConfig& lora, uint64_t seed,
                        const std::string& base, const ModelConfig& config,
                        const ParamSet& params, bool with_reference, Ops* ops) {
  auto adapted = std::make_shared<const Lora>(lora, config, params, ops);
  ParamSet adapters = adapted->InitialAdapters(seed).MovedTo(ops->device());
  OptimizerState optimizer(adapters);
  TrainingState state = {.config = config,
                         .params = std::move(adapters),
                         .optimizer = std::move(optimizer),
                         .slots = WeightSlots(config, ops->device()),
                         .lora = std::move(adapted),
                         .lora_base = base};
  RenewWeights(ops, &state);
  if (with_reference) state.reference = FirstReference(state);
  return state;
}

void RenewWeights(Ops* ops, TrainingState* state) {
  state->weights = nullptr;  // first, so that its memory can serve again
  std::shared_ptr<PolicyWeights> next = state->slots.Next();
  if (state->lora != nullptr) {
    state->lora->Merge(state->params, ops, next.get());
  } else {
    next->Assign(state->params, ops);
  }
  state->weights = std::move(next);
}

std::shared_ptr<const PolicyWeights> FirstReference(
    const TrainingState& state) {
  const std::shared_ptr<const PolicyWeights>& base = state.lora->base();
  const bool is_rounded = state.config.weights_dtype == DType::kBF16 &&
                          base->config().weights_dtype != DType::kBF16;
  return is_rounded ? state.weights : base;
}

Gradients GradientsOf(const TrainingState& state, ParamSet* sums) {
  if (state.lora == nullptr) return Gradients(sums);
  return Gradients(state.lora.get(), &state.params, sums);
}

void ReadModel(const TrainingState& state, int tensor, int64_t begin,
               absl::Span<float> out) {
  if (state.lora == nullptr) {
    state.params.Read(tensor, begin, out);
  } else {
    state.lora->ReadSum(state.params, tensor, begin, out);
  }
}

std::string HashModel(const TrainingState& state) {
  return HashParams(state.weights->layout(),
                    [&](int tensor, int64_t begin, absl::Span<float> out) {
                      ReadModel(state, tensor, begin, out);
                    });
}

}  // namespace r1
