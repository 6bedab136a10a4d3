// All stages of a run as a person sees them: how far they are, and how long the
// rest may take.
#ifndef R1_PIPELINE_RUN_STAGE_STATUSES_H_
#define R1_PIPELINE_RUN_STAGE_STATUSES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/screen/progress.h"
#include "proto/config.pb.h"

namespace r1 {

// One for each of `stages`, in their order; `running` names the one that runs,
// if one does. The folder need not exist.
// Errors: those of ReadRunStages.
absl::StatusOr<std::vector<StageStatus>> StatusesOfStages(
    const std::string& run_dir, const std::vector<StageConfig>& stages,
    const std::string& running);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_STAGE_STATUSES_H_
