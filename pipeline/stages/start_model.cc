#include "pipeline/stages/start_model.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "model/checkpoint.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/examples.h"
#include "pipeline/stages/stage_memory.h"
#include "pipeline/stages/training_prompts.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// What a step of this stage would stumble over.
absl::Status CheckData(const StageConfig& stage, const std::string& run_dir,
                       const ModelFolder& model) {
  // What other stages are yet to sample fits, as it was sampled.
  if (stage.has_supervised() && HasUpdates(stage.supervised()) &&
      stage.data_stage().empty()) {
    R1_ASSIGN_OR_RETURN(const std::unique_ptr<TextCorpus> corpus,
                        MakeCorpus(stage, run_dir));
    R1_RETURN_IF_ERROR(corpus->CheckRows(
        *model.tokenizer, EndToken(model.config), model.config.max_positions));
  }
  if (!HasSamples(stage)) return absl::OkStatus();
  return MakeTrainingPrompts(stage, model.config, model.tokenizer).status();
}

}  // namespace

absl::StatusOr<StageModel> LoadStartModel(const StageContext& context) {
  const StageConfig& config = *context.config;
  const RunContext& run = *context.run;
  if (config.from() != kFromModel) {
    R1_ASSIGN_OR_RETURN(const std::string path,
                        ResolveModelPath(run.folder->path(), config.from()));
    R1_ASSIGN_OR_RETURN(ModelFolder folder, LoadModelFolder(path));
    folder.config.weights_dtype = WeightsDtypeOf(config);
    return StageModel{folder.config, std::move(folder.params), folder.tokenizer,
                      path};
  }
  std::unique_ptr<TextCorpus> corpus;
  if (config.model().path().empty()) {
    run.progress->Activity("training the tokenizer", 0, 0);
    R1_ASSIGN_OR_RETURN(corpus, MakeCorpus(config, run.folder->path()));
  }
  R1_ASSIGN_OR_RETURN(ModelFolder model, MakeBaseModel(config, corpus.get()));
  std::set<std::string> heirs = {config.name()};
  for (const StageConfig& stage : *run.stages) {
    if (heirs.count(stage.from()) > 0) heirs.insert(stage.name());
    const bool compares_heir = absl::c_any_of(
        stage.compare().stage(),
        [&](const std::string& name) { return heirs.count(name) > 0; });
    if (heirs.count(stage.name()) == 0 && !compares_heir) continue;
    R1_RETURN_IF_ERROR(CheckData(stage, run.folder->path(), model));
  }
  // From here on the stage has begun.
  R1_RETURN_IF_ERROR(context.folder->Pin(
      "from_sha256", HashParams(model.params), "the base model"));
  model.config.weights_dtype = WeightsDtypeOf(config);
  std::string path;
  if (!config.model().path().empty()) {
    R1_ASSIGN_OR_RETURN(path, ResolveModelPath(config.model().path()));
  }
  return StageModel{model.config, std::move(model.params), model.tokenizer,
                    path};
}

absl::StatusOr<TrainingState> StartTrainingFrom(const StageContext& context,
                                                StageModel model,
                                                bool with_reference) {
  const StageConfig& config = *context.config;
  Ops* const ops = context.run->ops;
  const std::optional<LoraConfig> lora = LoraOf(config);
  if (!lora.has_value()) {
    return StartTraining(model.config, std::move(model.params), with_reference,
                         ops);
  }
  R1_RETURN_IF_ERROR(CheckLora(*lora, model.config));
  std::error_code error;
  const auto base = std::filesystem::absolute(model.path, error);
  return StartLora(*lora, config.seed(), error ? model.path : base.string(),
                   model.config, model.params, with_reference, ops);
}

std::string DescribeTraining(const TrainingState& state,
                             const MemoryPlan& memory) {
  const std::string size = absl::StrCat(DescribeSize(state.weights->layout()),
                                        ", ", DescribeMemory(memory));
  if (state.lora == nullptr) return size;
  const std::string trained = DescribeSize(*state.lora->layout());
  const double share = static_cast<double>(state.lora->layout()->count()) /
                       state.weights->layout().count();
  return absl::StrFormat("%s; trained are %s (%.2g %%), lora of rank %d on %s",
                         size, absl::StripSuffix(trained, " parameters"),
                         100 * share, state.lora->config().rank,
                         absl::StrJoin(state.lora->config().targets, ", "));
}

}  // namespace r1
