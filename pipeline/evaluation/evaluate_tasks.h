// An evaluation over the tasks of a stage, each by its own rules.
#ifndef R1_PIPELINE_EVALUATION_EVALUATE_TASKS_H_
#define R1_PIPELINE_EVALUATION_EVALUATE_TASKS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/evaluation/evaluate.h"
#include "proto/config.pb.h"

namespace r1 {

// Evaluates the prompts of each task, by task as HeldOutByTask gives them. Of
// several tasks the metrics are first those over all of them (counts are sums,
// the rest means over the tasks that have it), then those of each as
// "TASK/NAME". `options.reward` and `.task` are set for each task.
// Errors: those of Evaluate.
absl::StatusOr<EvalReport> EvaluateTasks(
    const StageConfig& config, const WeightsId& id,
    std::shared_ptr<const PolicyWeights> weights,
    const std::vector<std::vector<Prompt>>& prompts, const Tokenizer& tokenizer,
    EvalOptions options, RolloutSource* source, const RewardLink& link,
    const EvalProgress& progress);

// "countdown" of one task; of several "sums: exact_answer, cd: countdown".
std::string JudgesOfStage(const StageConfig& config);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_EVALUATE_TASKS_H_
