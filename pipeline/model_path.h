// Where the model is that a person named.
#ifndef R1_PIPELINE_MODEL_PATH_H_
#define R1_PIPELINE_MODEL_PATH_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "proto/config.pb.h"

namespace r1 {

// `path` itself if it is a model folder (config.json), or the newest whole
// checkpoint of the run folder `path`: of its RL stage, else of the latest
// stage that has one. Damaged checkpoints are named in a warning and passed
// over.
// Errors: NotFound if it is neither, or the run has no checkpoint yet.
absl::StatusOr<std::string> ResolveModelPath(const std::string& path);

// The configuration of the run that `path` is, or lies in; nothing if it
// belongs to no run.
// Errors: those of LoadConfig.
absl::StatusOr<std::optional<RunConfig>> ConfigOfModel(const std::string& path);

// Folders of checkpoints below a run, by stage.
std::string StageCheckpoints(const std::string& run_dir,
                             const std::string& stage);

}  // namespace r1

#endif  // R1_PIPELINE_MODEL_PATH_H_
