#include "pipeline/model_path.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "learner/trainer_files.h"
#include "pipeline/run_folder.h"

namespace r1 {

std::string StageCheckpoints(const std::string& run_dir,
                             const std::string& stage) {
  const std::string base = absl::StrCat(run_dir, "/checkpoints");
  return stage == "rl" ? base : absl::StrCat(base, "/", stage);
}

absl::StatusOr<std::string> ResolveModelPath(const std::string& path) {
  if (FileExists(absl::StrCat(path, "/config.json"))) return path;
  if (!IsRunFolder(path)) {
    return LacksFile(
        path, absl::StrCat(path,
                           " is neither a model folder (no config.json) nor a "
                           "run folder (no config.textproto): give one of the "
                           "two"));
  }
  for (const char* stage : {"rl", "sft", "pretrain"}) {
    const CheckpointStore store(StageCheckpoints(path, stage), /*keep=*/1);
    R1_ASSIGN_OR_RETURN(std::vector<int64_t> steps, store.Steps());
    std::reverse(steps.begin(), steps.end());
    for (const int64_t step : steps) {
      const std::string folder = store.PathOf(step);
      const absl::Status status = VerifyCheckpoint(folder);
      if (status.ok()) return folder;
      LogWarning(absl::StrCat("checkpoint ", folder,
                              " is damaged and not used: ", status.message()));
    }
  }
  return absl::NotFoundError(absl::StrCat(
      path, " has no whole checkpoint yet: let `r1 train` go on with it"));
}

absl::StatusOr<std::optional<RunConfig>> ConfigOfModel(
    const std::string& path) {
  // RUN, RUN/checkpoints/step-N or RUN/checkpoints/STAGE/step-N.
  for (const char* up : {"", "/../..", "/../../.."}) {
    const std::string folder = absl::StrCat(path, up);
    if (!IsRunFolder(folder)) continue;
    R1_ASSIGN_OR_RETURN(RunConfig config, ReadRunConfig(folder));
    return std::optional<RunConfig>(std::move(config));
  }
  return std::optional<RunConfig>();
}

}  // namespace r1
