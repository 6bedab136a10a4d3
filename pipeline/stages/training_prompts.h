// The problems of a stage: to learn from, and held out.
#ifndef R1_PIPELINE_STAGES_TRAINING_PROMPTS_H_
#define R1_PIPELINE_STAGES_TRAINING_PROMPTS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"
#include "rollout/prompt_source.h"

namespace r1 {

// The prompts of the stage's tasks, mixed by their shares, for a model of this
// shape.
// Errors: those of MakePromptSource, and a first prompt that does not fit.
absl::StatusOr<std::unique_ptr<PromptSource>> MakeTrainingPrompts(
    const StageConfig& config, const ModelConfig& model,
    std::shared_ptr<const Tokenizer> tokenizer);

// Held-out problems, eval.problems of each task or as many as there are, by
// task in the stage's order. Ids differ over all tasks.
absl::StatusOr<std::vector<std::vector<Prompt>>> HeldOutByTask(
    const StageConfig& config, const PromptSource& prompts);

// Logs of which tasks there are fewer than eval.problems.
void WarnOfFewHeldOut(const StageConfig& config,
                      const std::vector<std::vector<Prompt>>& by_task);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_TRAINING_PROMPTS_H_
