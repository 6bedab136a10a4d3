// The workers of a stage that samples.
#ifndef R1_PIPELINE_STAGES_STAGE_FLEET_H_
#define R1_PIPELINE_STAGES_STAGE_FLEET_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "pipeline/services/rollout_fleet.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// Starts the fleet that the run's topology asks for, for models of this shape,
// records what happens to its workers as events of the run, and writes where
// workers elsewhere join.
// Errors: those of RolloutFleet::Start and WriteRunOwner.
absl::StatusOr<std::unique_ptr<RolloutFleet>> StartStageFleet(
    const RunContext& run, const StageConfig& config, const ModelConfig& model,
    const Tokenizer& tokenizer);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_STAGE_FLEET_H_
