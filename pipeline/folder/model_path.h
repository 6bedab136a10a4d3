// Where the model is that a person named.
#ifndef R1_PIPELINE_FOLDER_MODEL_PATH_H_
#define R1_PIPELINE_FOLDER_MODEL_PATH_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "proto/config.pb.h"

namespace r1 {

// `path` itself if it is a model folder (config.json); the newest whole
// checkpoint of a stage's folder, RUN/stages/NAME; or of the run folder `path`
// that of the last stage that has one of a language model, in the order in
// which they run. Damaged checkpoints are named in a warning and passed over.
// Errors: NotFound if it is none of these, or there is no checkpoint yet.
absl::StatusOr<std::string> ResolveModelPath(const std::string& path);

// The same for a stage of the run folder `run_dir`, if one is named.
// Errors: as ResolveModelPath; NotFound for an unknown stage, with those there
// are.
absl::StatusOr<std::string> ResolveModelPath(const std::string& run_dir,
                                             const std::string& stage);

// If `run` is the folder of a stage, RUN/stages/NAME, and `stage` is empty:
// makes RUN and NAME of them.
void SplitStagePath(std::string* run, std::string* stage);

// With which tasks: those of the stage, or WithAllTasks (proto/recipe.h).
enum class TasksOf { kStage, kRecipe };

// The stage of a run that `path` is, or lies in: RUN, RUN/stages/NAME or a
// checkpoint in it, with the paths of its reward models (stage_rewards.h).
// Nothing if it belongs to no run.
// Errors: those of ReadStageConfig and ReadRecipe.
absl::StatusOr<std::optional<StageConfig>> ConfigOfModel(
    const std::string& path, TasksOf tasks = TasksOf::kStage);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_MODEL_PATH_H_
