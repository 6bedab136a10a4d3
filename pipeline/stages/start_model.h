// The model that a stage starts from.
#ifndef R1_PIPELINE_STAGES_START_MODEL_H_
#define R1_PIPELINE_STAGES_START_MODEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "learner/training_state.h"
#include "model/memory_plan.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// The last checkpoint of the stage it is from, or the section `model`: a
// folder, or a new model whose tokenizer is trained on the stage's corpus. Pins
// its hash. A model that no stage has made is checked against the data of all
// stages that descend from it, before hours of work. Errors: those of
// MakeBaseModel, LoadModelFolder and of the data.
absl::StatusOr<StageModel> LoadStartModel(const StageContext& context);

// Step 0 of training that model, `with_reference` as the reference policy, too:
// all its parameters, or adapters of it. Errors: those of CheckLora.
absl::StatusOr<TrainingState> StartTrainingFrom(const StageContext& context,
                                                StageModel model,
                                                bool with_reference);

// "135 M parameters, about 2.5 GiB of memory", and where adapters are trained
// "; trained are 4.88 M (3.6 %), lora of rank 16 on q_proj, v_proj".
std::string DescribeTraining(const TrainingState& state,
                             const MemoryPlan& memory);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_START_MODEL_H_
