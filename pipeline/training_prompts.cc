#include "pipeline/training_prompts.h"

#include <utility>

#include "base/status_macros.h"
#include "proto/recipe.h"

namespace r1 {

absl::StatusOr<std::unique_ptr<PromptSource>> MakeTrainingPrompts(
    const StageConfig& config, const ModelConfig& model,
    std::shared_ptr<const Tokenizer> tokenizer) {
  R1_ASSIGN_OR_RETURN(
      std::unique_ptr<PromptSource> prompts,
      MakePromptSource(
          FirstTask(config), config.seed(), std::move(tokenizer),
          model.max_positions - config.rollout().max_new_tokens()));
  // A generator's prompts are of much the same length: one tells whether the
  // template leaves room.
  R1_RETURN_IF_ERROR(prompts->Train(0).status());
  return prompts;
}

}  // namespace r1
