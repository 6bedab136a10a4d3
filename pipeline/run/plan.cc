#include "pipeline/run/plan.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/run_stages.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/run/stage_statuses.h"
#include "pipeline/screen/progress.h"
#include "pipeline/services/rank_processes.h"
#include "pipeline/stages/stage_memory.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// `time`: what the stage took or may take, if that is known.
absl::StatusOr<std::string> StateOf(const StageConfig& stage,
                                    const std::string& run_dir,
                                    std::optional<absl::Duration> time) {
  const auto with_time = [&](const char* words) {
    return time && *time > absl::ZeroDuration()
               ? absl::StrCat(words, FormatSpan(*time))
               : std::string();
  };
  const std::string expected = with_time(", about ");
  if (!HasStageBegun(run_dir, stage.name())) {
    return absl::StrCat("to do", expected);
  }
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> changes,
                      ChangesOfStage(run_dir, stage));
  if (!changes.empty()) {
    return absl::StrCat("to be redone: ", absl::StrJoin(changes, "; "));
  }
  if (!IsFinishedStage(run_dir, stage.name())) {
    return absl::StrCat("begun", expected, expected.empty() ? "" : " in all");
  }
  const absl::Status inputs = CheckInputsStay(run_dir, stage);
  if (!inputs.ok()) return absl::StrCat("to be redone: ", inputs.message());
  return absl::StrCat("done", with_time(" in "));
}

}  // namespace

absl::StatusOr<std::string> DescribePlan(const Recipe& recipe,
                                         const std::string& run_dir,
                                         const Topology& topology) {
  // Where it runs, it may be there.
  const absl::StatusOr<Device*> device = FindDevice(recipe.device());
  std::string text =
      absl::StrFormat("%-12s %-13s %-20s %-9s %-24s %s\n", "stage", "kind", "",
                      "memory", "needs", "state");
  const std::vector<StageConfig> stages = ResolveStages(recipe);
  R1_ASSIGN_OR_RETURN(const std::vector<StageStatus> statuses,
                      StatusesOfStages(run_dir, stages, /*running=*/""));
  R1_RETURN_IF_ERROR(CheckRanks(stages, run_dir, topology.ranks));
  MemoryPlan most;
  std::string most_of;
  absl::Status fault;
  for (size_t i = 0; i < stages.size(); ++i) {
    const StageConfig& stage = stages[i];
    const std::vector<std::string> inputs = StageInputs(stage);
    R1_ASSIGN_OR_RETURN(const std::string state,
                        StateOf(stage, run_dir, statuses[i].time));
    const absl::StatusOr<MemoryPlan> memory =
        device.ok() ? PlanMemory(stage, stages, topology, **device)
                    : device.status();
    // What cannot be read yet is told where the run starts.
    if (absl::IsInvalidArgument(memory.status())) fault = memory.status();
    if (memory.ok() && memory->total() > most.total()) {
      most = *memory;
      most_of = stage.name();
    }
    absl::StrAppendFormat(
        &text, "%-12s %-13s %-20s %-9s %-24s %s\n", stage.name(),
        StageKind(stage), DescribeWork(stage),
        memory.ok() && memory->total() > 0 ? FormatBytes(memory->total()) : "",
        inputs.empty() ? kFromModel : absl::StrJoin(inputs, ", "), state);
  }
  if (!most_of.empty()) {
    absl::StrAppend(&text, "memory of ", most_of, ", the most:\n",
                    most.ToString(), "\n");
  }
  if (!device.ok()) fault = device.status();
  if (!fault.ok()) {
    absl::StrAppend(&text, "cannot run here: ", fault.message(), "\n");
  }
  const TimeLeft left = LeftOfRun(statuses, std::nullopt);
  if (const std::string time = left.ToString();
      !time.empty() && left.time > absl::ZeroDuration()) {
    absl::StrAppend(&text, "left: ", time, "\n");
  }
  return text;
}

}  // namespace r1
