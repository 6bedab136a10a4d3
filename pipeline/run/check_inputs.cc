#include "pipeline/run/check_inputs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/philox.h"
#include "base/status_macros.h"
#include "judge/preference_rows.h"
#include "kernels/devices.h"
#include "pipeline/evaluation/judge_samples.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/run/check_references.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/stage_memory.h"
#include "proto/recipe.h"
#include "reward/builtin_rules.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_server.h"
#include "rollout/tasks/generator.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/row_file.h"

namespace r1 {
namespace {

absl::Status CheckTextFiles(const SupervisedSection& section) {
  if (!HasUpdates(section)) return absl::OkStatus();
  for (const std::string& file : section.data()) {
    R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(file));
    R1_RETURN_IF_ERROR(ParseTextRows(text, file).status());
  }
  return absl::OkStatus();
}

// Some problems of the generator.
std::vector<CheckedRow> GenerateRows(const TaskSection& task) {
  constexpr int kRows = 16;
  std::vector<CheckedRow> rows;
  RandomSequence random(0, RandomStream::kRewardCheck, 0, 0);
  for (int i = 0; i < kRows; ++i) {
    Problem p = GenerateProblem(task, Split::kTrain, &random,
                                absl::StrCat("problem ", i));
    rows.push_back(
        {std::move(p.source), std::move(p.question), std::move(p.reference)});
  }
  return rows;
}

// Some rows of the prompt file, of which all are read.
absl::StatusOr<std::vector<CheckedRow>> ReadPrompts(const TaskSection& task) {
  if (task.file().empty()) return GenerateRows(task);
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(task.file()));
  R1_ASSIGN_OR_RETURN(std::vector<Problem> problems,
                      ParseProblems(task, text, task.file()));
  std::vector<CheckedRow> rows;
  for (Problem& problem : problems) {
    rows.push_back({std::move(problem.source), std::move(problem.question),
                    std::move(problem.reference)});
  }
  return SampleRows(std::move(rows));
}

// Listens for a moment, with nobody behind it.
absl::Status CheckAddress(const std::string& listen) {
  if (listen.empty()) return absl::OkStatus();
  Coordinator coordinator{CoordinatorOptions()};
  return CoordinatorServer::Start(&coordinator, listen).status();
}

// Whether the rows can earn these rules, which the source asks. `checked`:
// rules that need not be asked again.
absl::Status CheckRules(const std::vector<RewardRuleSpec>& rules,
                        const std::vector<RewardRuleSpec>& checked,
                        const std::vector<CheckedRow>& rows,
                        const std::string& file, RewardSource* source) {
  std::vector<RewardRuleSpec> left;
  for (const RewardRuleSpec& rule : rules) {
    const bool is_checked = std::any_of(
        checked.begin(), checked.end(), [&](const RewardRuleSpec& c) {
          return c.name() == rule.name() && c.weight() != 0;
        });
    if (!is_checked) left.push_back(rule);
  }
  R1_RETURN_IF_ERROR(CheckReferences(left, rows, file));
  return ProbeRewards(left, rows, file, source);
}

// Whether rows of a task can earn the rules that train on it and judge it.
absl::Status CheckTask(const StageConfig& config, const TaskSection& task,
                       const RewardLink& link) {
  R1_ASSIGN_OR_RETURN(const std::vector<CheckedRow> rows, ReadPrompts(task));
  const RewardSection section = TaskReward(config, task);
  const std::string file =
      task.file().empty() ? "the generator's problems" : task.file();
  const std::vector<RewardRuleSpec> training =
      ConfiguredRules(section, task.kind());
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardSource> reward,
                      link.MakeSource(training));
  R1_RETURN_IF_ERROR(CheckRules(training, {}, rows, file, reward.get()));
  constexpr absl::string_view kWhat =
      "the rules of evaluations (option \"when\")";
  const auto judge = MakeJudge(section, task.kind(), link);
  if (!judge.ok()) return Annotate(judge.status(), kWhat);
  return Annotate(CheckRules(JudgingRules(section, task.kind(), link), training,
                             rows, file, judge->get()),
                  kWhat);
}

// Whether the reward service takes the rules to train and to evaluate by, and
// whether they can be earned.
absl::Status CheckRewards(const StageConfig& config) {
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardLink> link,
                      RewardLink::Connect(config, /*num_threads=*/1));
  for (const TaskSection& task : config.task()) {
    const absl::Status status = CheckTask(config, task, *link);
    R1_RETURN_IF_ERROR(
        config.task_size() == 1
            ? status
            : Annotate(status, absl::StrCat("task ", task.name())));
  }
  if (config.task_size() == 1) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const RewardSection all, StageReward(config));
  return link->MakeSource(ConfiguredRules(all, config.task(0).kind())).status();
}

// What begins at a step after the stage's last, as in a short trial of a long
// recipe.
void WarnOfStepsNotReached(const StageConfig& config) {
  const int steps = config.rl().steps();
  const auto check = [&](int from_step, absl::string_view what) {
    if (from_step <= steps) return;
    LogWarning(absl::StrCat("stage ", config.name(), ": ", what, " from step ",
                            from_step, " on, but rl.steps is ", steps,
                            ": it never does"));
  };
  for (const LongerAnswers& longer : config.rollout().longer()) {
    check(longer.from_step(), "rollout.longer holds");
  }
  const auto check_rules = [&](const auto& rules) {
    for (const WeightedRule& rule : rules) {
      check(rule.from_step(),
            absl::StrCat("the rule \"", rule.name(), "\" counts"));
    }
  };
  check_rules(config.reward().rule());
  for (const TaskSection& task : config.task()) check_rules(task.rule());
}

// Whether the adapters are smaller than what they adapt.
absl::Status CheckAdapters(const StageConfig& config,
                           const std::vector<StageConfig>& stages) {
  const std::optional<LoraConfig> lora = LoraOf(config);
  if (!lora.has_value()) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const ModelConfig shape,
                      BaseModelShape(RootModel(config, stages)));
  return Annotate(CheckLora(*lora, shape),
                  absl::StrCat("stage ", config.name()));
}

absl::Status CheckStage(const StageConfig& config, const std::string& run_dir) {
  if (config.has_rl() && HasSamples(config)) WarnOfStepsNotReached(config);
  if (config.from() == kFromModel && !config.has_compare()) {
    R1_RETURN_IF_ERROR(BaseModelShape(config.model()).status());
  }
  R1_RETURN_IF_ERROR(CheckTextFiles(config.supervised()));
  for (const TaskSection& task : config.task()) {
    if (task.file().empty()) R1_RETURN_IF_ERROR(CheckGenerator(task));
  }
  for (const std::string& file : config.reward_model().data()) {
    R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(file));
    R1_RETURN_IF_ERROR(ParsePreferenceRows(text, file).status());
  }
  return HasSamples(config) ? CheckRewards(WithRewardModels(config, run_dir))
                            : absl::OkStatus();
}

bool HasSteps(const StageConfig& stage) {
  return HasUpdates(stage.supervised()) || HasSamples(stage) ||
         (stage.has_reward_model() && stage.reward_model().steps() > 0);
}

}  // namespace

absl::Status CheckInputs(const std::vector<StageConfig>& stages,
                         const std::string& run_dir, const Topology& topology) {
  if (std::none_of(stages.begin(), stages.end(), HasSteps)) {
    return absl::InvalidArgumentError(
        "every stage has 0 steps, so there is nothing to do: give one some "
        "steps");
  }
  R1_RETURN_IF_ERROR(CheckAddress(topology.listen));
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(topology.device));
  for (const StageConfig& stage : stages) {
    if (IsFinishedStage(run_dir, stage.name())) continue;
    R1_RETURN_IF_ERROR(CheckAdapters(stage, stages));
    R1_RETURN_IF_ERROR(CheckStage(stage, run_dir));
    R1_ASSIGN_OR_RETURN(const MemoryPlan memory,
                        PlanMemory(stage, stages, topology, *device));
    R1_RETURN_IF_ERROR(CheckMemory(stage, memory, device->memory_bytes()));
  }
  return absl::OkStatus();
}

}  // namespace r1
