#include "pipeline/run/run.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "pipeline/folder/loaded_model.h"
#include "pipeline/folder/run_owner.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/report/report.h"
#include "pipeline/report/summary.h"
#include "pipeline/run/check_inputs.h"
#include "pipeline/run/stage_statuses.h"
#include "pipeline/screen/live_view.h"
#include "pipeline/services/rank_processes.h"
#include "pipeline/stages/compare_stage.h"
#include "pipeline/stages/reward_model_stage.h"
#include "pipeline/stages/rl_stage.h"
#include "pipeline/stages/sample_stage.h"
#include "pipeline/stages/supervised_stage.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// `until` and the stages it needs; all stages without one.
absl::StatusOr<std::vector<StageConfig>> StagesUntil(
    const std::string& until, const std::vector<StageConfig>& stages) {
  if (until.empty()) return stages;
  std::set<std::string> needed = {until};
  std::vector<std::string> names;
  std::vector<StageConfig> chosen;
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    names.insert(names.begin(), stage->name());
    if (needed.count(stage->name()) == 0) continue;
    for (const std::string& input : StageInputs(*stage)) needed.insert(input);
    chosen.insert(chosen.begin(), *stage);
  }
  if (!chosen.empty()) return chosen;
  return absl::NotFoundError(absl::StrCat("--until ", until,
                                          ": there is no such stage: expected ",
                                          absl::StrJoin(names, ", ")));
}

absl::Status RunOneStage(const StageContext& context) {
  const StageConfig& config = *context.config;
  R1_RETURN_IF_ERROR(context.run->store->EnterStage(config.name()));
  if (config.has_supervised()) return RunSupervisedStage(context);
  if (config.has_sample()) return RunSampleStage(context);
  if (config.has_compare()) return RunCompareStage(context);
  if (config.has_reward_model()) return RunRewardModelStage(context);
  return RunRlStage(context);
}

// Tells who looks on that a stage begins.
absl::Status ShowStages(const RunContext& context,
                        const std::vector<StageConfig>& stages,
                        const std::string& running) {
  R1_RETURN_IF_ERROR(context.store->Flush());
  R1_ASSIGN_OR_RETURN(
      std::vector<StageStatus> statuses,
      StatusesOfStages(context.folder->path(), stages, running));
  context.progress->Stages(std::move(statuses));
  return absl::OkStatus();
}

// Each stage that is not done, in order.
absl::Status RunStages(const RunContext& context,
                       const std::vector<StageConfig>& stages) {
  for (size_t i = 0; i < stages.size(); ++i) {
    const std::string& run_dir = context.folder->path();
    if (IsFinishedStage(run_dir, stages[i].name())) {
      R1_RETURN_IF_ERROR(CheckInputsStay(run_dir, stages[i]));
      continue;
    }
    R1_ASSIGN_OR_RETURN(StageFolder folder,
                        StageFolder::Open(run_dir, stages[i]));
    R1_RETURN_IF_ERROR(folder.PinInputs(run_dir));
    StageContext stage;
    stage.run = &context;
    stage.config = &stages[i];
    stage.folder = &folder;
    for (size_t k = i + 1; k < stages.size(); ++k) {
      if (DrawsSamples(stages[k])) stage.is_last_to_sample = false;
    }
    R1_RETURN_IF_ERROR(ShowStages(context, stages, stages[i].name()));
    R1_RETURN_IF_ERROR(RunOneStage(stage));
  }
  return context.store->Flush();
}

}  // namespace

absl::StatusOr<RunOutcome> RunAll(const RunSpec& spec) {
  Topology topology = spec.topology;
  topology.device = spec.recipe.device();
  const std::vector<StageConfig> all = ResolveStages(spec.recipe);
  R1_ASSIGN_OR_RETURN(const std::vector<StageConfig> stages,
                      StagesUntil(spec.until, all));
  R1_RETURN_IF_ERROR(CheckRanks(stages, spec.run_dir, topology.ranks));
  // Before anything is written; a finished run needs no inputs.
  R1_ASSIGN_OR_RETURN(const bool is_finished,
                      IsFinishedRun(spec.run_dir, spec.recipe));
  if (!is_finished || !spec.redo.empty()) {
    R1_RETURN_IF_ERROR(CheckInputs(stages, spec.run_dir, topology));
  }
  // From here on there is something to save.
  InstallStopSignals();
  R1_ASSIGN_OR_RETURN(
      RunFolder folder,
      RunFolder::Open(spec.run_dir, spec.recipe, spec.accept_build, spec.redo));
  if (folder.is_finished()) return RunOutcome{true};
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(topology.device));
  // The learner before this one listens no more.
  R1_RETURN_IF_ERROR(RemoveRunOwner(folder.path()));
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RunStore> store,
                      RunStore::Open(folder.database_path()));
  for (const std::string& stage : folder.dropped()) {
    R1_RETURN_IF_ERROR(store->DropStage(stage));
  }
  R1_RETURN_IF_ERROR(folder.NoteDropped());
  for (const std::string& change : folder.changes()) {
    LogWarning(absl::StrCat("the run goes on with a change: ", change));
    R1_RETURN_IF_ERROR(store->RecordEvent(-1, "changed", change));
  }
  RunContext context;
  context.stages = &all;
  context.topology = topology;
  context.folder = &folder;
  context.store = store.get();
  context.num_threads = ResolveThreads(spec.recipe.threads());
  const std::unique_ptr<Ops> ops = device->MakeOps(context.num_threads);
  context.ops = ops.get();
  std::unique_ptr<RankProcesses> ranks;
  if (const int size = spec.topology.ranks; size > 1) {
    // All train at once.
    const int threads = std::max(1, context.num_threads / size);
    R1_ASSIGN_OR_RETURN(ranks,
                        RankProcesses::Start(size, threads, topology.device));
    context.ranks = ranks->communicator();
  }
  {
    const std::unique_ptr<Progress> progress = MakeProgress(spec.run_dir);
    context.progress = progress.get();
    R1_RETURN_IF_ERROR(RunStages(context, stages));
  }
  if (stages.size() < all.size()) {
    R1_RETURN_IF_ERROR(WriteReport(folder.path(), /*summary=*/""));
    return RunOutcome{false};
  }
  R1_ASSIGN_OR_RETURN(const std::string summary,
                      MakeSummary(folder.path(), spec.recipe));
  R1_RETURN_IF_ERROR(WriteReport(folder.path(), summary));
  // Last: its presence says that the run is whole.
  R1_RETURN_IF_ERROR(WriteFileAtomic(folder.summary_path(), summary));
  return RunOutcome{false};
}

}  // namespace r1
