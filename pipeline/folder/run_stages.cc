#include "pipeline/folder/run_stages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

// Sets the times of the stages. Errors: those of RunReader::Open.
absl::Status ReadTimes(const std::string& run_dir,
                       std::vector<RunStage>* stages) {
  if (stages->empty() || !FileExists(run_dir + "/run.db")) {
    return absl::OkStatus();
  }
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(run_dir, stages->front().config.name()));
  for (RunStage& stage : *stages) {
    R1_ASSIGN_OR_RETURN(stage.seconds,
                        reader.StageSeconds(stage.config.name()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<RunStage>> ReadRunStages(
    const std::string& run_dir, const std::vector<StageConfig>& stages) {
  std::vector<RunStage> all;
  for (const StageConfig& config : stages) {
    RunStage stage;
    stage.config = config;
    R1_ASSIGN_OR_RETURN(stage.facts, ReadStageFacts(run_dir, config.name()));
    if (HasStageBegun(run_dir, config.name())) {
      stage.state = IsFinishedStage(run_dir, config.name())
                        ? RunStage::State::kDone
                        : RunStage::State::kBegun;
    }
    all.push_back(std::move(stage));
  }
  if (const absl::Status times = ReadTimes(run_dir, &all); !times.ok()) {
    LogWarning(
        absl::StrCat("what the stages took is not known: ", times.message()));
  }
  return all;
}

std::string DescribeWork(const StageConfig& stage) {
  if (stage.has_sample()) {
    return absl::StrCat(stage.sample().prompts(), " x ",
                        stage.sample().per_prompt(), " answers");
  }
  if (stage.has_compare()) {
    return absl::StrCat(stage.compare().stage_size(), " models");
  }
  if (const float epochs = stage.supervised().epochs(); epochs > 0) {
    return absl::StrCat(epochs, epochs == 1 ? " epoch" : " epochs");
  }
  const int64_t steps = stage.has_rl() ? stage.rl().steps()
                        : stage.has_reward_model()
                            ? stage.reward_model().steps()
                            : stage.supervised().steps();
  return absl::StrCat(steps, " steps");
}

}  // namespace r1
