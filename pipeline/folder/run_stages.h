// How far the stages of a run are.
#ifndef R1_PIPELINE_FOLDER_RUN_STAGES_H_
#define R1_PIPELINE_FOLDER_RUN_STAGES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/config.pb.h"

namespace r1 {

struct RunStage {
  enum class State { kWaiting, kBegun, kDone };

  StageConfig config;
  State state = State::kWaiting;
  // That processes have worked on it; absent: not known.
  std::optional<double> seconds;
  std::map<std::string, std::string> facts;  // of its stage.json
};

// Each of `stages` as the run in `run_dir` has it, in their order. The folder
// need not exist. A run.db that cannot be read costs the times alone, and the
// log says why.
// Errors: DataLoss for a damaged stage.json.
absl::StatusOr<std::vector<RunStage>> ReadRunStages(
    const std::string& run_dir, const std::vector<StageConfig>& stages);

// "80 steps", "320 x 8 answers", "9 models".
std::string DescribeWork(const StageConfig& stage);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_RUN_STAGES_H_
