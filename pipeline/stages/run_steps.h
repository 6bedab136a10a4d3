// The steps of a stage that trains on examples.
#ifndef R1_PIPELINE_STAGES_RUN_STEPS_H_
#define R1_PIPELINE_STAGES_RUN_STEPS_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/checkpoint_store.h"
#include "learner/journal.h"
#include "learner/training_state.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// Makes steps until `state`, which each call of `step` moves on by one, has
// made `steps`, and shows what it returns. Saves now and then, at the end, and
// where a signal stops the run; without steps the state as it is, which hands
// the model on. `before_save` makes the state whole. Errors: of `step` and of
// saving; Cancelled if interrupted (InterruptedError).
absl::Status RunSteps(const StageContext& context, int64_t steps,
                      const TrainingState& state, const Tokenizer& tokenizer,
                      CheckpointStore* store,
                      const std::function<absl::StatusOr<Metrics>()>& step,
                      const std::function<absl::Status()>& before_save = {});

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_RUN_STEPS_H_
