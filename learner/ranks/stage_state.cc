#include "learner/ranks/stage_state.h"

#include <memory>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "model/lora.h"
#include "model/model_config.h"

namespace r1 {
namespace {

StageStart::Reference ReferenceOf(const TrainingState& state) {
  if (state.reference == nullptr) return StageStart::NONE;
  if (state.reference == state.weights) return StageStart::POLICY;
  if (state.lora != nullptr && state.reference == state.lora->base()) {
    return StageStart::ADAPTER_BASE;
  }
  return StageStart::OWN;
}

absl::Status SendWeights(const PolicyWeights& weights, Communicator* ranks) {
  ParamSet values(std::make_shared<ParamLayout>(weights.layout()),
                  weights.device());
  const auto tensors = weights.layout().tensors();
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::vector<float> elements(tensors[i].count());
    weights.Read(i, 0, absl::MakeSpan(elements));
    values.Write(i, 0, elements);
  }
  return Broadcast(values.flat(), ranks);
}

absl::StatusOr<ParamSet> ReceiveParams(
    std::shared_ptr<const ParamLayout> layout, Device* device,
    Communicator* ranks) {
  ParamSet params(std::move(layout), device);
  R1_RETURN_IF_ERROR(Broadcast(params.flat(), ranks));
  return params;
}

}  // namespace

void DescribeState(const TrainingState& state, StageStart* start) {
  start->set_config_json(ModelConfigToJson(state.config));
  start->set_has_bf16_weights(state.config.weights_dtype == DType::kBF16);
  start->set_keep(static_cast<int>(state.keep));
  start->set_reference(ReferenceOf(state));
  if (state.lora == nullptr) return;
  LoraSection* lora = start->mutable_lora();
  const LoraConfig& config = state.lora->config();
  lora->set_rank(static_cast<int>(config.rank));
  lora->set_alpha(config.alpha);
  for (const std::string& target : config.targets) lora->add_targets(target);
}

absl::Status SendState(const TrainingState& state, const StageStart& start,
                       const RankSlices& slices, Communicator* ranks) {
  if (state.lora != nullptr) {
    R1_RETURN_IF_ERROR(SendWeights(*state.lora->base(), ranks));
  }
  R1_RETURN_IF_ERROR(Broadcast(state.params.flat(), ranks));
  R1_RETURN_IF_ERROR(ScatterFromFirst(slices, state.optimizer.m.flat(), ranks));
  R1_RETURN_IF_ERROR(ScatterFromFirst(slices, state.optimizer.v.flat(), ranks));
  if (start.reference() == StageStart::OWN) {
    return SendWeights(*state.reference, ranks);
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainingState> ReceiveState(const StageStart& start, Ops* ops,
                                           Communicator* ranks) {
  R1_ASSIGN_OR_RETURN(ModelConfig config,
                      ModelConfigFromJson(start.config_json()));
  if (start.has_bf16_weights()) config.weights_dtype = DType::kBF16;
  const auto model_layout = std::make_shared<const ParamLayout>(config);
  std::shared_ptr<const Lora> lora;
  if (start.has_lora()) {
    R1_ASSIGN_OR_RETURN(const ParamSet base,
                        ReceiveParams(model_layout, ops->device(), ranks));
    const LoraSection& section = start.lora();
    lora = std::make_shared<const Lora>(
        LoraConfig{section.rank(),
                   section.alpha(),
                   {section.targets().begin(), section.targets().end()}},
        config, base, ops);
  }
  R1_ASSIGN_OR_RETURN(
      ParamSet params,
      ReceiveParams(lora == nullptr ? model_layout : lora->layout(),
                    ops->device(), ranks));
  OptimizerState optimizer(params);
  optimizer.step = start.adam_step();
  optimizer.bounds = {start.weights_bound(), start.m_bound(), start.v_bound()};
  TrainingState state = {.config = config,
                         .keep = static_cast<Keep>(start.keep()),
                         .params = std::move(params),
                         .optimizer = std::move(optimizer),
                         .slots = WeightSlots(config, ops->device()),
                         .lora = std::move(lora)};
  const RankSlices slices(state.params.layout().count(), ranks->size());
  R1_RETURN_IF_ERROR(ScatterFromFirst(slices, state.optimizer.m.flat(), ranks));
  R1_RETURN_IF_ERROR(ScatterFromFirst(slices, state.optimizer.v.flat(), ranks));
  RenewWeights(ops, &state);
  switch (start.reference()) {
    case StageStart::POLICY:
      state.reference = state.weights;
      break;
    case StageStart::ADAPTER_BASE:
      state.reference = state.lora->base();
      break;
    case StageStart::OWN: {
      R1_ASSIGN_OR_RETURN(const ParamSet values,
                          ReceiveParams(model_layout, ops->device(), ranks));
      std::shared_ptr<PolicyWeights> reference = state.slots.Next();
      reference->Assign(values, ops);
      state.reference = std::move(reference);
      break;
    }
    default:
      break;
  }
  return state;
}

}  // namespace r1
