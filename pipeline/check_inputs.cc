#include "pipeline/check_inputs.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/status_macros.h"
#include "model/model_config.h"
#include "pipeline/check_references.h"
#include "pipeline/judge_samples.h"
#include "pipeline/reward_link.h"
#include "reward/builtin_rules.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_server.h"
#include "rollout/tasks/arithmetic.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/row_file.h"

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
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(section.file()));
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

// Some problems of the generator.
std::vector<CheckedRow> GenerateRows(const DataSection& data) {
  constexpr int kRows = 16;
  std::vector<CheckedRow> rows;
  RandomSequence random(0, RandomStream::kRewardCheck, 0, 0);
  for (int i = 0; i < kRows; ++i) {
    const std::string source = absl::StrCat("problem ", i);
    if (data.task() == ARITHMETIC) {
      const auto p = MakeArithmeticProblem(data, Split::kTrain, &random);
      rows.push_back({source, p.Question(), p.Reference()});
    } else {
      const auto p = MakeCountdownProblem(data, Split::kTrain, &random);
      rows.push_back({source, p.Question(), p.Reference()});
    }
  }
  return rows;
}

// Some rows of the prompt file, of which all are read.
absl::StatusOr<std::vector<CheckedRow>> ReadPrompts(const DataSection& data) {
  if (data.file().empty()) return GenerateRows(data);
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(data.file()));
  R1_ASSIGN_OR_RETURN(std::vector<Problem> problems,
                      ParseProblems(data, text, data.file()));
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

// Whether the reward service takes the rules to train and to evaluate by, and
// whether they can be earned.
absl::Status CheckRewards(const RunConfig& config,
                          const std::vector<CheckedRow>& rows) {
  const RewardSection& section = config.reward();
  const Task task = config.data().task();
  const std::string file = config.data().file().empty()
                               ? "the generator's problems"
                               : config.data().file();
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardLink> link,
                      RewardLink::Connect(config, /*num_threads=*/1));
  const std::vector<RewardRuleSpec> training = ConfiguredRules(section, task);
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardSource> reward,
                      link->MakeSource(training));
  R1_RETURN_IF_ERROR(CheckRules(training, {}, rows, file, reward.get()));
  constexpr absl::string_view kWhat =
      "the rules of evaluations (option \"when\")";
  const auto judge = MakeJudge(section, task, *link);
  if (!judge.ok()) return Annotate(judge.status(), kWhat);
  return Annotate(CheckRules(JudgingRules(section, task, *link), training, rows,
                             file, judge->get()),
                  kWhat);
}

}  // namespace

absl::Status CheckInputs(const RunConfig& config, const Topology& topology) {
  R1_RETURN_IF_ERROR(CheckStages(config));
  R1_RETURN_IF_ERROR(CheckModelFolder(config.model().path()));
  R1_RETURN_IF_ERROR(CheckTextFile(config.pretrain()));
  R1_RETURN_IF_ERROR(CheckTextFile(config.sft()));
  R1_RETURN_IF_ERROR(CheckGenerator(config.data()));
  if (config.rl().steps() == 0) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::vector<CheckedRow> rows,
                      ReadPrompts(config.data()));
  R1_RETURN_IF_ERROR(CheckAddress(topology.listen));
  return CheckRewards(config, rows);
}

}  // namespace r1
