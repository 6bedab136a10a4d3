#include "pipeline/stages/run_steps.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/stages/save_pacer.h"

namespace r1 {

absl::Status RunSteps(const StageContext& context, int64_t steps,
                      const TrainingState& state, const Tokenizer& tokenizer,
                      CheckpointStore* store,
                      const std::function<absl::StatusOr<Metrics>()>& step,
                      const std::function<absl::Status()>& before_save) {
  if (steps == 0) return store->Save(state, tokenizer);
  const RunContext& run = *context.run;
  SavePacer pacer;
  while (state.step < steps) {
    R1_ASSIGN_OR_RETURN(const Metrics metrics, step());
    run.progress->Step(state.step, metrics);
    const bool is_last = state.step == steps;
    const bool is_stopping = StopRequested() && !is_last;
    if (pacer.IsDue() || is_last || is_stopping) {
      pacer.Begin();
      R1_RETURN_IF_ERROR(run.store->Flush());
      if (before_save) R1_RETURN_IF_ERROR(before_save());
      R1_RETURN_IF_ERROR(store->Save(state, tokenizer));
      R1_RETURN_IF_ERROR(context.folder->NoteCheckpoint());
      pacer.End();
    }
    if (is_stopping) {
      return InterruptedError(
          absl::StrCat("after ", context.config->name(), " step ", state.step));
    }
  }
  return absl::OkStatus();
}

}  // namespace r1
