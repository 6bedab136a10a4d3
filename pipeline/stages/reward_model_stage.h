// The kind "reward_model": a model that scores texts, learned from preferences.
#ifndef R1_PIPELINE_STAGES_REWARD_MODEL_STAGE_H_
#define R1_PIPELINE_STAGES_REWARD_MODEL_STAGE_H_

#include "absl/status/status.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// See StageContext. One prompt in ten is held out; accuracy and margin on those
// are metrics of the last step ("held_out/accuracy", "held_out/margin").
// Errors: those of the rows, of RewardModelTrainer and of CheckpointStore.
absl::Status RunRewardModelStage(const StageContext& context);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_REWARD_MODEL_STAGE_H_
