#include "pipeline/stages/stage_fleet.h"

#include <string>

#include "base/status_macros.h"
#include "pipeline/folder/run_owner.h"

namespace r1 {

absl::StatusOr<std::unique_ptr<RolloutFleet>> StartStageFleet(
    const RunContext& run, const StageConfig& config, const ModelConfig& model,
    const Tokenizer& tokenizer) {
  R1_ASSIGN_OR_RETURN(
      std::unique_ptr<RolloutFleet> fleet,
      RolloutFleet::Start(config, model, tokenizer, run.topology,
                          run.num_threads,
                          [store = run.store](const std::string& kind,
                                              const std::string& message) {
                            // A store that fails says so at the next Flush.
                            store->RecordEvent(-1, kind, message).IgnoreError();
                          }));
  if (!fleet->join_address().empty()) {
    R1_RETURN_IF_ERROR(
        WriteRunOwner(run.folder->path(), fleet->join_address()));
  }
  return fleet;
}

}  // namespace r1
