#include "pipeline/stages/compare_stage.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "model/checkpoint.h"
#include "model/weights.h"
#include "nlohmann/json.hpp"
#include "pipeline/evaluation/evaluate_tasks.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/stage_fleet.h"
#include "pipeline/stages/training_prompts.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

class CompareStage {
 public:
  explicit CompareStage(const StageContext& stage)
      : stage_(stage),
        run_(*stage.run),
        config_(WithRewardModels(*stage.config, stage.run->folder->path())) {}

  absl::Status Run();

 private:
  const std::string& Compared(int row) const {
    return config_.compare().stage(row - 1);
  }
  // The recorded rows, by step.
  absl::StatusOr<std::vector<EvalRow>> Recorded() const;
  absl::Status Evaluate(int row);
  absl::Status WriteTable();

  const StageContext& stage_;
  const RunContext& run_;
  const StageConfig config_;  // with the paths of reward models
  std::unique_ptr<RewardLink> reward_;
};

absl::StatusOr<std::vector<EvalRow>> CompareStage::Recorded() const {
  R1_RETURN_IF_ERROR(run_.store->Flush());
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(run_.folder->path(), config_.name()));
  return reader.Evals();
}

absl::Status CompareStage::Evaluate(int row) {
  R1_ASSIGN_OR_RETURN(const std::string path,
                      ResolveModelPath(run_.folder->path(), Compared(row)));
  R1_ASSIGN_OR_RETURN(ModelFolder folder, LoadModelFolder(path));
  run_.progress->Describe(DescribeSize(folder.params.layout()));
  R1_ASSIGN_OR_RETURN(
      const std::unique_ptr<PromptSource> source,
      MakeTrainingPrompts(config_, folder.config, folder.tokenizer));
  R1_ASSIGN_OR_RETURN(const std::vector<std::vector<Prompt>> prompts,
                      HeldOutByTask(config_, *source));
  if (row == 1) WarnOfFewHeldOut(config_, prompts);
  WeightsId id;
  id.set_version(row);
  folder.config.weights_dtype = WeightsDtypeOf(config_);
  auto weights = MakePolicyWeights(folder.config, folder.params, run_.ops);
  id.set_sha256(HashWeights(*weights, run_.ops));
  // A fleet of its own: models may differ in shape and tokenizer.
  R1_ASSIGN_OR_RETURN(
      const std::unique_ptr<RolloutFleet> fleet,
      StartStageFleet(run_, config_, weights->config(), *folder.tokenizer));
  EvalOptions options;
  options.samples = config_.eval().samples();
  options.sampling = MakeEvalSampling(config_, /*step=*/0);
  options.seed = config_.seed();
  R1_ASSIGN_OR_RETURN(
      const EvalReport report,
      EvaluateTasks(
          config_, id, std::move(weights), prompts, *folder.tokenizer, options,
          fleet->source(), *reward_, [&](int64_t done, int64_t total) {
            run_.progress->Activity(absl::StrCat("evaluating ", Compared(row)),
                                    done, total);
            run_.progress->Workers(fleet->source()->Workers());
            return !StopRequested();
          }));
  R1_RETURN_IF_ERROR(
      run_.store->RecordEval(row, report.metrics, report.samples));
  R1_RETURN_IF_ERROR(run_.store->Flush());
  const bool is_last_row = row == config_.compare().stage_size();
  fleet->EndStage(is_last_row && stage_.is_last_to_sample);
  return absl::OkStatus();
}

absl::Status CompareStage::WriteTable() {
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, Recorded());
  Json rows = Json::array();
  for (const EvalRow& eval : evals) {
    Json row;
    const std::string& stage = Compared(static_cast<int>(eval.step));
    R1_ASSIGN_OR_RETURN(auto facts, ReadStageFacts(run_.folder->path(), stage));
    row["stage"] = stage;
    row["model_sha256"] = facts[kOutputSha256];
    for (const auto& [name, value] : eval.metrics) row["metrics"][name] = value;
    rows.push_back(std::move(row));
  }
  const std::string text = Json{{"rows", rows}}.dump(2) + "\n";
  R1_RETURN_IF_ERROR(WriteFileAtomic(
      absl::StrCat(stage_.folder->path(), "/table.json"), text));
  return stage_.folder->Finish(Sha256Hex(text));
}

absl::Status CompareStage::Run() {
  const int rows = config_.compare().stage_size();
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> recorded, Recorded());
  const auto is_recorded = [&](int row) {
    return std::any_of(recorded.begin(), recorded.end(),
                       [&](const EvalRow& eval) { return eval.step == row; });
  };
  run_.progress->StartStage(config_.name(),
                            static_cast<int64_t>(recorded.size()), rows);
  R1_ASSIGN_OR_RETURN(reward_, RewardLink::Connect(config_, run_.num_threads));
  LogInfo(absl::StrCat("held-out answers are judged by the rule ",
                       JudgesOfStage(config_)));
  for (int row = 1; row <= rows; ++row) {
    if (is_recorded(row)) continue;
    const absl::Status status =
        StopRequested() ? absl::CancelledError() : Evaluate(row);
    if (absl::IsCancelled(status) && StopRequested()) {
      return InterruptedError(
          absl::StrCat("in ", config_.name(), " at ", Compared(row)));
    }
    R1_RETURN_IF_ERROR(Annotate(status, Compared(row)));
    run_.progress->Step(row, {});
  }
  return WriteTable();
}

}  // namespace

absl::Status RunCompareStage(const StageContext& context) {
  return CompareStage(context).Run();
}

}  // namespace r1
