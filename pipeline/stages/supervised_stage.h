// The kind "supervised": next-token training with checkpoints.
#ifndef R1_PIPELINE_STAGES_SUPERVISED_STAGE_H_
#define R1_PIPELINE_STAGES_SUPERVISED_STAGE_H_

#include "absl/status/status.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// See StageContext. Errors: those of SupervisedTrainer and CheckpointStore.
absl::Status RunSupervisedStage(const StageContext& context);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_SUPERVISED_STAGE_H_
