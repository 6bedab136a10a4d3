// The kind "rl": rollouts, rewards and GRPO updates, with evaluations and
// checkpoints in between.
#ifndef R1_PIPELINE_STAGES_RL_STAGE_H_
#define R1_PIPELINE_STAGES_RL_STAGE_H_

#include "absl/status/status.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// See StageContext. Held-out problems are evaluated at step 0, every eval.every
// steps and at the end; an evaluation that is recorded already is not repeated.
// Errors: those of the trainer, the services and the stores.
absl::Status RunRlStage(const StageContext& context);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_RL_STAGE_H_
