#include "pipeline/check_inputs.h"

#include <memory>
#include <string>

#include "base/file.h"
#include "base/status_macros.h"
#include "model/model_config.h"
#include "pipeline/judge_samples.h"
#include "pipeline/reward_link.h"
#include "reward/builtin_rules.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_server.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/jsonl.h"

namespace r1 {
namespace {

absl::Status CheckStages(const RunConfig& config) {
  if (config.pretrain().steps() > 0 || config.sft().steps() > 0 ||
      config.rl().steps() > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "pretrain.steps, sft.steps and rl.steps are 0, so there is nothing to "
      "do: give a stage some steps");
}

absl::Status CheckTextFile(const SupervisedSection& section) {
  if (section.steps() == 0 || section.file().empty()) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(section.file()));
  return ParseTextRows(text, section.file()).status();
}

absl::Status CheckModelFolder(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::string json, ReadFile(path + "/config.json"));
  return Annotate(ModelConfigFromJson(json).status(), path + "/config.json");
}

absl::Status CheckGenerator(const DataSection& data) {
  if (data.task() != COUNTDOWN) return absl::OkStatus();
  return CheckCountdownGenerator(data);
}

absl::Status CheckPromptFile(const DataSection& data) {
  if (data.file().empty()) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(data.file()));
  return ParseProblems(data, text, data.file()).status();
}

// Listens for a moment, with nobody behind it.
absl::Status CheckAddress(const std::string& listen) {
  if (listen.empty()) return absl::OkStatus();
  Coordinator coordinator{CoordinatorOptions()};
  return CoordinatorServer::Start(&coordinator, listen).status();
}

// Whether the reward service takes the rules to train and to evaluate by.
absl::Status CheckRewards(const RunConfig& config) {
  const RewardSection& section = config.reward();
  const Task task = config.data().task();
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardLink> link,
                      RewardLink::Connect(config, /*num_threads=*/1));
  R1_RETURN_IF_ERROR(link->MakeSource(ConfiguredRules(section, task)).status());
  return Annotate(MakeJudge(section, task, *link).status(),
                  "the rules of evaluations (option \"when\")");
}

}  // namespace

absl::Status CheckInputs(const RunConfig& config, const Topology& topology) {
  R1_RETURN_IF_ERROR(CheckStages(config));
  R1_RETURN_IF_ERROR(CheckModelFolder(config.model().path()));
  R1_RETURN_IF_ERROR(CheckTextFile(config.pretrain()));
  R1_RETURN_IF_ERROR(CheckTextFile(config.sft()));
  R1_RETURN_IF_ERROR(CheckGenerator(config.data()));
  if (config.rl().steps() == 0) return absl::OkStatus();
  R1_RETURN_IF_ERROR(CheckPromptFile(config.data()));
  R1_RETURN_IF_ERROR(CheckAddress(topology.listen));
  return CheckRewards(config);
}

}  // namespace r1
