#include "pipeline/folder/model_path.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "learner/trainer_files.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/folder/stage_rewards.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// The newest whole checkpoint in a folder of checkpoints; empty if there is
// none.
absl::StatusOr<std::string> NewestWhole(const std::string& checkpoints) {
  const CheckpointStore store(checkpoints, /*keep=*/1);
  R1_ASSIGN_OR_RETURN(std::vector<int64_t> steps, store.Steps());
  std::reverse(steps.begin(), steps.end());
  for (const int64_t step : steps) {
    const std::string folder = store.PathOf(step);
    const absl::Status status = VerifyCheckpoint(folder);
    if (status.ok()) return folder;
    LogWarning(absl::StrCat("checkpoint ", folder,
                            " is damaged and not used: ", status.message()));
  }
  return std::string();
}

absl::Status NoCheckpointError(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(
      path, " has no whole checkpoint yet: let `r1 train` go on with it"));
}

// RUN and NAME of RUN/stages/NAME; empty if it is no such folder.
std::pair<std::string, std::string> StageOf(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  const std::string run = folder.parent_path().parent_path().string();
  if (folder.parent_path().filename() != "stages" ||
      !IsRunFolder(run.empty() ? "." : run)) {
    return {};
  }
  return {run.empty() ? "." : run, folder.filename().string()};
}

// The last stage of a run that has a checkpoint of a language model, and where
// that is.
struct LastModel {
  std::string stage;
  std::string path;
};
absl::StatusOr<LastModel> FindLastModel(const std::string& run_dir) {
  R1_ASSIGN_OR_RETURN(const Recipe recipe, ReadRecipe(run_dir));
  std::vector<StageConfig> stages = ResolveStages(recipe);
  std::reverse(stages.begin(), stages.end());
  for (const StageConfig& stage : stages) {
    if (stage.has_reward_model()) continue;
    R1_ASSIGN_OR_RETURN(std::string path,
                        NewestWhole(StageCheckpoints(run_dir, stage.name())));
    if (!path.empty()) return LastModel{stage.name(), std::move(path)};
  }
  return NoCheckpointError(run_dir);
}

}  // namespace

absl::StatusOr<std::string> ResolveModelPath(const std::string& path) {
  if (FileExists(absl::StrCat(path, "/config.json"))) return path;
  if (const auto [run_dir, stage] = StageOf(path); !stage.empty()) {
    return ResolveModelPath(run_dir, stage);
  }
  if (FileExists(absl::StrCat(path, "/adapter_config.json"))) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        " holds adapters alone (adapter_config.json), not a model: give the "
        "checkpoint they lie in, which is the sum, or merge them with peft"));
  }
  if (!IsRunFolder(path)) {
    return LacksFile(
        path, absl::StrCat(path,
                           " is neither a model folder (no config.json) nor a "
                           "run folder (no config.textproto): give one of the "
                           "two"));
  }
  R1_ASSIGN_OR_RETURN(const LastModel last, FindLastModel(path));
  return last.path;
}

absl::StatusOr<std::string> ResolveModelPath(const std::string& run_dir,
                                             const std::string& stage) {
  if (stage.empty()) return ResolveModelPath(run_dir);
  R1_ASSIGN_OR_RETURN(const Recipe recipe, ReadRecipe(run_dir));
  std::vector<std::string> names;
  for (const Stage& known : recipe.stage()) names.push_back(known.name());
  if (std::find(names.begin(), names.end(), stage) == names.end()) {
    return absl::NotFoundError(absl::StrCat(run_dir, " has no stage ", stage,
                                            ": expected one of ",
                                            absl::StrJoin(names, ", ")));
  }
  R1_ASSIGN_OR_RETURN(std::string path,
                      NewestWhole(StageCheckpoints(run_dir, stage)));
  if (path.empty()) return NoCheckpointError(StagePath(run_dir, stage));
  return path;
}

void SplitStagePath(std::string* run, std::string* stage) {
  if (!stage->empty()) return;
  auto [run_dir, name] = StageOf(*run);
  if (name.empty()) return;
  *run = std::move(run_dir);
  *stage = std::move(name);
}

absl::StatusOr<std::optional<StageConfig>> ConfigOfModel(
    const std::string& path, TasksOf tasks) {
  std::string run_dir, stage;
  if (IsRunFolder(path)) {
    R1_ASSIGN_OR_RETURN(const LastModel last, FindLastModel(path));
    run_dir = path;
    stage = last.stage;
  } else {
    // RUN/stages/NAME, or RUN/stages/NAME/checkpoints/step-N.
    std::tie(run_dir, stage) = StageOf(path);
    if (stage.empty()) {
      std::tie(run_dir, stage) = StageOf(absl::StrCat(path, "/../.."));
    }
  }
  if (stage.empty()) return std::optional<StageConfig>();
  R1_ASSIGN_OR_RETURN(StageConfig config, ReadStageConfig(run_dir, stage));
  if (tasks == TasksOf::kRecipe) {
    R1_ASSIGN_OR_RETURN(const Recipe recipe, ReadRecipe(run_dir));
    config = WithAllTasks(recipe, config);
  }
  return std::optional<StageConfig>(WithRewardModels(config, run_dir));
}

}  // namespace r1
