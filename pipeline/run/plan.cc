#include "pipeline/run/plan.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/screen/progress.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// "80 steps", "2 epochs", "320 x 8 answers".
std::string WorkOf(const StageConfig& stage) {
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

absl::StatusOr<std::string> StateOf(const StageConfig& stage,
                                    const std::string& run_dir) {
  if (!HasStageBegun(run_dir, stage.name())) return std::string("to do");
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> changes,
                      ChangesOfStage(run_dir, stage));
  if (!changes.empty()) {
    return absl::StrCat("to be redone: ", absl::StrJoin(changes, "; "));
  }
  if (!IsFinishedStage(run_dir, stage.name())) return std::string("begun");
  const absl::Status inputs = CheckInputsStay(run_dir, stage);
  if (!inputs.ok()) return absl::StrCat("to be redone: ", inputs.message());
  const auto reader = RunReader::Open(run_dir, stage.name());
  if (!reader.ok()) return std::string("done");
  R1_ASSIGN_OR_RETURN(const double seconds, reader->StageSeconds(stage.name()));
  return absl::StrCat("done in ", FormatSpan(absl::Seconds(seconds)));
}

}  // namespace

absl::StatusOr<std::string> DescribePlan(const Recipe& recipe,
                                         const std::string& run_dir) {
  std::string text = absl::StrFormat("%-12s %-13s %-20s %-24s %s\n", "stage",
                                     "kind", "", "needs", "state");
  for (const StageConfig& stage : ResolveStages(recipe)) {
    const std::vector<std::string> inputs = StageInputs(stage);
    R1_ASSIGN_OR_RETURN(const std::string state, StateOf(stage, run_dir));
    absl::StrAppendFormat(
        &text, "%-12s %-13s %-20s %-24s %s\n", stage.name(), StageKind(stage),
        WorkOf(stage),
        inputs.empty() ? kFromModel : absl::StrJoin(inputs, ", "), state);
  }
  return text;
}

}  // namespace r1
