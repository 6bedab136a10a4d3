// Second part of an evaluation: the reward service judges the samples.
#ifndef R1_PIPELINE_EVALUATION_JUDGE_SAMPLES_H_
#define R1_PIPELINE_EVALUATION_JUDGE_SAMPLES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/reward_item.h"
#include "learner/reward_source.h"
#include "pipeline/evaluation/eval_options.h"
#include "pipeline/services/reward_link.h"
#include "proto/reward.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

// The rules that judge the samples of an evaluation: EvalRules() of
// reward/builtin_rules.h, then, where the service has them and they are absent,
// "format" and the task's lenient rule, this one only beside a judge that reads
// a text's answer.
std::vector<RewardRuleSpec> JudgingRules(const RewardSection& section,
                                         Task task, const RewardLink& link);

// Rewards by JudgingRules.
// Errors: those of RewardLink::MakeSource; InvalidArgument, with the remedy, if
// the service does not have the judge that the task brings.
absl::StatusOr<std::unique_ptr<RewardSource>> MakeJudge(
    const RewardSection& section, Task task, const RewardLink& link);

// The results of all samples, options.samples a prompt, in their order.
// `completions` are by sample, too.
// Errors: those of the source; Cancelled.
absl::StatusOr<std::vector<RewardResult>> ScoreSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories,
    const std::vector<std::string>& completions, const EvalOptions& options,
    RewardSource* source, const EvalProgress& progress);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_JUDGE_SAMPLES_H_
