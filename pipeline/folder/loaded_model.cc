#include "pipeline/folder/loaded_model.h"

#include <optional>
#include <utility>

#include "base/num_cores.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "model/checkpoint.h"
#include "pipeline/folder/compute_keys.h"
#include "proto/recipe.h"

namespace r1 {

absl::StatusOr<LoadedModel> LoadModel(const std::string& path,
                                      absl::Span<const std::string> overrides,
                                      TasksOf tasks, Ops* ops) {
  LoadedModel model;
  R1_ASSIGN_OR_RETURN(model.path, ResolveModelPath(path));
  R1_ASSIGN_OR_RETURN(const std::optional<StageConfig> config,
                      ConfigOfModel(model.path, tasks));
  model.is_of_run = config.has_value();
  R1_ASSIGN_OR_RETURN(
      model.config, ConfigureStage(config.value_or(DefaultStage()), overrides));
  // A folder of no run may be named as its checkpoints are.
  if (model.is_of_run && model.config.has_rl()) {
    model.rl_step = std::max<int64_t>(0, StepOfCheckpoint(model.path));
  }
  R1_ASSIGN_OR_RETURN(ModelFolder folder, LoadModelFolder(model.path));
  R1_RETURN_IF_ERROR(Annotate(
      ops->device()->CheckHeadSize(folder.config.head_dim), model.path));
  model.tokenizer = folder.tokenizer;
  folder.config.weights_dtype = WeightsDtypeOf(model.config);
  model.weights = MakePolicyWeights(folder.config, folder.params, ops);
  return model;
}

int ResolveThreads(int threads) {
  if (threads > 0) return threads;
  return NumCores();
}

}  // namespace r1
