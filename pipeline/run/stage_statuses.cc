#include "pipeline/run/stage_statuses.h"

#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "model/param_set.h"
#include "pipeline/folder/run_stages.h"
#include "pipeline/run/expected_time.h"
#include "pipeline/stages/base_model.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// A base model that cannot be read counts as one of a single parameter: it says
// so itself when it is needed, and among stages from it the times are right.
StageParameters CountParameters(const std::vector<StageConfig>& stages) {
  StageParameters parameters;
  for (const StageConfig& stage : stages) {
    const auto from = parameters.find(stage.from());
    if (from != parameters.end()) {
      parameters[stage.name()] = from->second;
      continue;
    }
    const auto shape = BaseModelShape(stage.model());
    parameters[stage.name()] =
        shape.ok() ? static_cast<double>(ParamLayout(*shape).count()) : 1;
  }
  return parameters;
}

}  // namespace

absl::StatusOr<std::vector<StageStatus>> StatusesOfStages(
    const std::string& run_dir, const std::vector<StageConfig>& stages,
    const std::string& running) {
  R1_ASSIGN_OR_RETURN(const std::vector<RunStage> run_stages,
                      ReadRunStages(run_dir, stages));
  const StageParameters parameters = CountParameters(stages);
  std::vector<StageStatus> statuses;
  std::vector<TimedWork> works;
  for (const RunStage& stage : run_stages) {
    StageStatus& status = statuses.emplace_back();
    status.name = stage.config.name();
    status.kind = StageKind(stage.config);
    TimedWork& work = works.emplace_back();
    work.work = WorkOfStage(stage.config, parameters);
    if (status.name == running) {
      status.state = StageStatus::State::kRunning;
    } else if (stage.state == RunStage::State::kDone) {
      status.state = StageStatus::State::kDone;
      if (stage.seconds) work.took = absl::Seconds(*stage.seconds);
    }
  }
  const std::vector<std::optional<absl::Duration>> times = ExpectedTimes(works);
  for (size_t i = 0; i < statuses.size(); ++i) statuses[i].time = times[i];
  return statuses;
}

}  // namespace r1
