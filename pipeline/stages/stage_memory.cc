#include "pipeline/stages/stage_memory.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "judge/reward_model.h"
#include "learner/supervised.h"
#include "model/lora.h"
#include "model/param_set.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/stages/base_model.h"
#include "proto/answer_length.h"
#include "proto/recipe.h"
#include "rollout/engine.h"

namespace r1 {
namespace {

// What is held for each trained element: master, two moments, gradient.
constexpr int64_t kMasterBytes = 4, kMomentBytes = 8, kGradientBytes = 4;

const char* NameOf(DType dtype) {
  return dtype == DType::kBF16 ? "bf16" : "fp32";
}

// Elements that are trained.
int64_t TrainedOf(const StageConfig& stage, const ModelConfig& shape) {
  const std::optional<LoraConfig> lora = LoraOf(stage);
  const ParamLayout layout(shape);
  if (!lora.has_value()) return layout.count();
  int64_t count = 0;
  for (const TensorSpec& t : layout.tensors()) {
    if (IsLoraTarget(t, lora->targets)) count += lora->rank * (t.rows + t.cols);
  }
  return count;
}

// How long a text is taken to be.
int64_t LikelyTokens(const StageConfig& stage, const ModelConfig& shape) {
  return std::min<int64_t>(
      shape.max_positions,
      MostNewTokens(stage.rollout()) + EngineOptions().prefill_tokens);
}

// Rows of the largest microbatch of an update.
int64_t RlRows(const StageConfig& stage, const ModelConfig& shape) {
  const RlSection& rl = stage.rl();
  const int64_t samples =
      (int64_t{rl.prompts()} * rl.group_size() + rl.minibatches() - 1) /
      rl.minibatches();
  const int64_t longest =
      std::min<int64_t>(shape.max_positions, MostNewTokens(stage.rollout()));
  return std::max(longest,
                  std::min<int64_t>(rl.microbatch_tokens(),
                                    samples * LikelyTokens(stage, shape)));
}

// `rows`: of the largest microbatch.
void AddTraining(const StageConfig& stage, const ModelConfig& shape,
                 int64_t rows, int ranks, const Device& device,
                 MemoryPlan* plan) {
  const int64_t trained = TrainedOf(stage, shape);
  const bool is_lora = LoraOf(stage).has_value();
  plan->lines.push_back({"master and moments",
                         (kMasterBytes + kMomentBytes) * trained,
                         is_lora ? "of the adapters" : "fp32"});
  // Sums of a rank's shards (learner/ranks/shard_sums.h), and slices of other
  // ranks.
  const uint32_t shards = stage.learner().gradient_shards() / ranks;
  const int64_t sums = std::bit_width(shards) + (ranks > 1 ? 1 : 0);
  // RL adds up what the embedding gets as the head's gradient apart.
  const bool has_second = stage.has_rl() && shape.tie_embeddings && !is_lora;
  plan->lines.push_back(
      {"gradients",
       kGradientBytes *
           (sums * trained +
            (has_second ? shape.vocab_size * shape.hidden_size : 0)),
       has_second ? "fp32, twice of the tied embedding" : "fp32"});
  if (is_lora) {
    ModelConfig exact = shape;  // at most; bf16 where it is exact
    exact.weights_dtype = DType::kF32;
    plan->lines.push_back(
        {"base of the adapters", WeightsBytes(exact, device), "at most: fp32"});
  }
  plan->lines.push_back(
      {"activations", PackedModelBytes(shape, rows, KeepOf(stage), true),
       absl::StrCat(rows,
                    " tokens, keep: ", KeptActivations_Name(stage.keep()))});
}

// What samples, in this process or in those it starts.
void AddSampling(const StageConfig& stage, const ModelConfig& shape,
                 const Topology& topology, const Device& device,
                 MemoryPlan* plan) {
  if (topology.workers == Topology::kNoWorkers) return;
  EngineOptions options;
  options.max_batch = stage.rollout().max_batch();
  const int64_t tokens = LikelyTokens(stage, shape);
  options.kv_pages =
      std::min(options.max_batch * (KvPages::PagesFor(tokens) + 1),
               std::max<int64_t>(1, options.kv_bytes / KvBytes(shape, 1)));
  const int64_t each = EngineBytes(shape, options);
  if (topology.workers == 0) {
    plan->lines.push_back({"sampling", each,
                           absl::StrCat(options.max_batch, " samples of up to ",
                                        tokens, " tokens")});
    return;
  }
  plan->lines.push_back(
      {"workers", topology.workers * (each + WeightsBytes(shape, device)),
       absl::StrCat(topology.workers, " with weights and ", options.max_batch,
                    " samples each")});
}

}  // namespace

MemoryPlan PlanMemory(const StageConfig& stage, ModelConfig shape,
                      const Topology& topology, const Device& device) {
  MemoryPlan plan;
  if (stage.has_compare()) return plan;
  shape.weights_dtype = WeightsDtypeOf(stage);
  if (stage.has_reward_model()) shape.head = ModelHead::kScore;
  const bool has_reference = stage.has_rl() && stage.rl().kl_coef() > 0;
  const int64_t copies = has_reference ? 2 : 1;
  plan.lines.push_back(
      {"weights", copies * WeightsBytes(shape, device),
       absl::StrCat(NameOf(shape.weights_dtype),
                    has_reference ? ", and the reference's" : "")});
  if (stage.has_supervised()) {
    AddTraining(stage, shape,
                std::min<int64_t>(
                    kMicrobatchTokens,
                    std::max<int64_t>(stage.supervised().batch_tokens(), 1)),
                topology.ranks, device, &plan);
  } else if (stage.has_reward_model()) {
    AddTraining(stage, shape, kJudgeMicrobatchTokens, /*ranks=*/1, device,
                &plan);
  } else if (stage.has_rl()) {
    AddTraining(stage, shape, RlRows(stage, shape), topology.ranks, device,
                &plan);
  }
  if (topology.ranks > 1 && (stage.has_supervised() || stage.has_rl())) {
    // Rank 0 collects the moments, of which the others have slices.
    const int64_t others = topology.ranks - 1;
    const int64_t moments = kMomentBytes * TrainedOf(stage, shape);
    plan.lines.push_back(
        {"other ranks",
         others * (plan.total() - moments * others / topology.ranks),
         absl::StrCat(others, " with the same each, but slices of moments")});
  }
  if (stage.has_rl() || stage.has_sample()) {
    AddSampling(stage, shape, topology, device, &plan);
  }
  return plan;
}

absl::Status CheckMemory(const StageConfig& stage, const MemoryPlan& plan,
                         int64_t bytes) {
  const absl::Status fits = plan.Fits(bytes);
  if (fits.ok()) return fits;
  return absl::ResourceExhaustedError(
      absl::StrCat("stage ", stage.name(), " ", fits.message(),
                   "\nkeep: LAYER_INPUTS, a smaller rl.microbatch_tokens or "
                   "rollout.max_batch, dtype: BF16 and lora need less"));
}

std::string DescribeMemory(const MemoryPlan& plan) {
  return absl::StrCat("about ", FormatBytes(plan.total()), " of memory");
}

absl::StatusOr<MemoryPlan> PlanMemory(const StageConfig& stage,
                                      const std::vector<StageConfig>& stages,
                                      const Topology& topology,
                                      const Device& device) {
  if (stage.has_compare()) return MemoryPlan();
  R1_ASSIGN_OR_RETURN(const ModelConfig shape,
                      BaseModelShape(RootModel(stage, stages)));
  R1_RETURN_IF_ERROR(Annotate(device.CheckHeadSize(shape.head_dim),
                              absl::StrCat("stage ", stage.name())));
  return PlanMemory(stage, shape, topology, device);
}

}  // namespace r1
