#include "pipeline/evaluation/evaluate_tasks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "pipeline/folder/stage_rewards.h"
#include "reward/builtin_rules.h"

namespace r1 {
namespace {

bool IsCount(const std::string& name) {
  for (const char* count : {"problems", "abstained", "errors", "unjudged",
                            "abstained_samples", "not_applicable"}) {
    if (name == count) return true;
  }
  return false;
}

// Sums of counts and means of the rest, in the order in which names first come
// up.
Metrics Combine(const std::vector<Metrics>& tasks) {
  std::vector<std::string> names;
  for (const Metrics& metrics : tasks) {
    for (const auto& [name, value] : metrics) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    }
  }
  Metrics combined;
  for (const std::string& name : names) {
    double sum = 0;
    int count = 0;
    for (const Metrics& metrics : tasks) {
      for (const auto& [other, value] : metrics) {
        if (other != name) continue;
        sum += value;
        ++count;
      }
    }
    combined.emplace_back(name, IsCount(name) ? sum : sum / count);
  }
  return combined;
}

std::string JudgeOfTask(const StageConfig& config, const TaskSection& task) {
  return RuleNames(JudgesOf(EvalRules(TaskReward(config, task), task.kind())));
}

}  // namespace

absl::StatusOr<EvalReport> EvaluateTasks(
    const StageConfig& config, const WeightsId& id,
    std::shared_ptr<const PolicyWeights> weights,
    const std::vector<std::vector<Prompt>>& prompts, const Tokenizer& tokenizer,
    EvalOptions options, RolloutSource* source, const RewardLink& link,
    const EvalProgress& progress) {
  int64_t total = 0, before = 0;
  for (const auto& of_task : prompts) {
    total += static_cast<int64_t>(of_task.size()) * options.samples;
  }
  EvalReport report;
  std::vector<Metrics> by_task;
  for (int t = 0; t < config.task_size(); ++t) {
    options.task = config.task(t).kind();
    options.reward = TaskReward(config, config.task(t));
    R1_ASSIGN_OR_RETURN(EvalReport of_task,
                        Evaluate(id, weights, prompts[t], tokenizer, options,
                                 source, link, [&](int64_t done, int64_t) {
                                   return !progress ||
                                          progress(before + done, total);
                                 }));
    before += static_cast<int64_t>(prompts[t].size()) * options.samples;
    by_task.push_back(std::move(of_task.metrics));
    for (EvalSample& sample : of_task.samples) {
      report.samples.push_back(std::move(sample));
    }
    for (RewardResult& result : of_task.results) {
      report.results.push_back(std::move(result));
    }
  }
  report.judge = JudgesOfStage(config);
  if (by_task.size() == 1) {
    report.metrics = std::move(by_task[0]);
    return report;
  }
  report.metrics = Combine(by_task);
  for (int t = 0; t < config.task_size(); ++t) {
    for (auto& [name, value] : by_task[t]) {
      report.metrics.emplace_back(
          absl::StrCat(config.task(t).name(), "/", name), value);
    }
  }
  return report;
}

std::string JudgesOfStage(const StageConfig& config) {
  if (config.task_size() == 1) return JudgeOfTask(config, config.task(0));
  std::vector<std::string> judges;
  for (const TaskSection& task : config.task()) {
    judges.push_back(
        absl::StrCat(task.name(), ": ", JudgeOfTask(config, task)));
  }
  return absl::StrJoin(judges, ", ");
}

}  // namespace r1
