// The stage "rl": rollouts, rewards and GRPO updates, with evaluations and
// checkpoints in between.
#ifndef R1_PIPELINE_RL_STAGE_H_
#define R1_PIPELINE_RL_STAGE_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pipeline/run_context.h"
#include "pipeline/supervised_stage.h"
#include "rollout/prompt_source.h"

namespace r1 {

// Runs the stage to its end, from its newest checkpoint or from the model that
// `start` makes, which is called only if there is none. Held-out problems are
// evaluated at step 0, every eval.every steps and at the end; an evaluation
// that is recorded already is not repeated.
// Errors: Cancelled if interrupted (InterruptedError); those of the trainer,
// the services and the stores.
absl::Status RunRlStage(
    const RunContext& context,
    const std::function<absl::StatusOr<StageModel>()>& start);

// The prompts of the stage for a model of this shape.
// Errors: those of MakePromptSource, and a first prompt that does not fit.
absl::StatusOr<std::unique_ptr<PromptSource>> MakeTrainingPrompts(
    const RunConfig& config, const ModelConfig& model,
    std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace r1

#endif  // R1_PIPELINE_RL_STAGE_H_
