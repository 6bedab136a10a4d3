#include "pipeline/services/rank_processes.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/process/build_id.h"
#include "pipeline/process/stop_signal.h"

namespace r1 {

absl::StatusOr<std::unique_ptr<RankProcesses>> RankProcesses::Start(
    int ranks, int threads, const std::string& device_name) {
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(device_name));
  std::unique_ptr<RankProcesses> result(new RankProcesses);
  GrpcRankOptions options;
  options.size = ranks;
  R1_ASSIGN_OR_RETURN(options.build_id, BuildId());
  options.device = device->identity();
  options.memory = device;
  R1_ASSIGN_OR_RETURN(result->ranks_, GrpcRanks::Listen(std::move(options)));
  GrpcRanks* const first = result->ranks_.get();
  WorkerProcessOptions processes;
  processes.count = ranks - 1;
  processes.noun = "rank";
  processes.arguments = {"r1",        "rank",
                         "--join",    first->address(),
                         "--rank",    "{i}",
                         "--ranks",   absl::StrCat(ranks),
                         "--threads", absl::StrCat(threads),
                         "--device",  device_name};
  // The others cannot go on without it; the same command starts all anew.
  processes.is_wanted = [](int) { return false; };
  processes.on_event = [first](const std::string& message) {
    LogWarning(message);  // others may have told less of it already
    first->Abort(absl::UnavailableError(message));
  };
  processes.on_failure = [first](const absl::Status& error) {
    first->Abort(error);
  };
  R1_ASSIGN_OR_RETURN(result->processes_,
                      WorkerProcesses::Start(std::move(processes)));
  {
    const StopWatcher watcher([first] {
      first->Abort(
          absl::UnavailableError("stopped before all ranks had joined"));
    });
    R1_RETURN_IF_ERROR(first->Join(first->address()));
  }
  LogInfo(absl::StrCat(ranks, " ranks train together"));
  return result;
}

RankProcesses::~RankProcesses() {
  if (processes_ != nullptr) processes_->ExpectEnd();
  // Told by rank 0 that the run is over, the others end by themselves.
  ranks_->Abort(absl::CancelledError("the run is over"));
  if (processes_ != nullptr) processes_->Stop(absl::Seconds(1));
}

absl::Status CheckRanks(absl::Span<const StageConfig> stages,
                        const std::string& run_dir, int ranks) {
  if (ranks == 1) return absl::OkStatus();
  for (const StageConfig& stage : stages) {
    if (!stage.has_rl() && !stage.has_supervised()) continue;
    if (IsFinishedStage(run_dir, stage.name())) continue;
    const int shards = stage.learner().gradient_shards();
    if (shards % ranks == 0) continue;
    if (shards == 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--ranks ", ranks, ": stage ", stage.name(),
          " has one gradient shard: set learner.gradient_shards, which is part "
          "of its configuration, before it begins"));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "--ranks ", ranks, ": does not divide the ", shards,
        " gradient shards of stage ", stage.name(),
        ": expected a power of two up to ", shards,
        ", or set learner.gradient_shards of a run that has not begun"));
  }
  return absl::OkStatus();
}

}  // namespace r1
