// How good a model is at held-out problems: its samples are generated, judged
// by the reward service, and counted.
#ifndef R1_PIPELINE_EVALUATION_EVALUATE_H_
#define R1_PIPELINE_EVALUATION_EVALUATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/journal.h"
#include "model/tokenizer.h"
#include "model/weights.h"
#include "pipeline/evaluation/eval_options.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/store/run_store.h"
#include "proto/config.pb.h"
#include "proto/rollout.pb.h"
#include "rollout/rollout_source.h"

namespace r1 {

struct EvalReport {
  // The rule that said which answers are right.
  std::string judge;
  // In display order, with k = samples: pass@1, pass@k, cons@k, the same
  // "_lenient", format, mean_length (tokens), truncated, problems, abstained,
  // errors, then "reward/rule/NAME", the mean score, for each rule of
  // EvalRules() but the first, and "reward/metric/NAME/…", the means of what
  // these rules measured. "Strict" (no suffix) is the first rule giving
  // its highest score, "lenient" that or the task's lenient rule;
  // reward/README.md says what each accepts. What cannot be had is left out:
  // format and the lenient numbers where a server elsewhere has no such rule,
  // cons@k where answers cannot be read. Problems that no sample has a verdict
  // of are part of no estimate: those whose samples were all abstentions are
  // counted as "abstained", those that the judge is not for as
  // "not_applicable", others as "unjudged". "errors" are samples whose
  // result is an error or a timeout, "abstained_samples" abstentions beside
  // verdicts. Where they are 0, "unjudged" and "abstained_samples" are left
  // out.
  Metrics metrics;
  std::vector<EvalSample> samples;    // by problem, then sample index
  std::vector<RewardResult> results;  // of the samples
};

// How a run's evaluations after RL step `step` sample: eval.temperature and
// eval.top_p, and the rollouts' stop texts and their length in that step.
SamplingParams MakeEvalSampling(const StageConfig& config, int64_t step);

// The second half of an evaluation: judges and counts `trajectories`,
// options.samples of them for each prompt, in order of (prompt, sample index).
// Errors: InvalidArgument for a bad rule; FailedPrecondition, naming a sample,
// if the share of errors and timeouts is above reward.max_error_share; those of
// the service; Cancelled.
absl::StatusOr<EvalReport> JudgeSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories, const Tokenizer& tokenizer,
    const EvalOptions& options, const RewardLink& link,
    const EvalProgress& progress);

// A function of (weights, prompts, options). `id` names the weights.
// Errors: those of GenerateSamples and JudgeSamples.
absl::StatusOr<EvalReport> Evaluate(
    const WeightsId& id, std::shared_ptr<const PolicyWeights> weights,
    const std::vector<Prompt>& prompts, const Tokenizer& tokenizer,
    const EvalOptions& options, RolloutSource* source, const RewardLink& link,
    const EvalProgress& progress);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_EVALUATE_H_
