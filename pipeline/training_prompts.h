// The problems that an RL stage learns from.
#ifndef R1_PIPELINE_TRAINING_PROMPTS_H_
#define R1_PIPELINE_TRAINING_PROMPTS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"
#include "rollout/prompt_source.h"

namespace r1 {

// The prompts of the stage for a model of this shape.
// Errors: those of MakePromptSource, and a first prompt that does not fit.
absl::StatusOr<std::unique_ptr<PromptSource>> MakeTrainingPrompts(
    const StageConfig& config, const ModelConfig& model,
    std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace r1

#endif  // R1_PIPELINE_TRAINING_PROMPTS_H_
