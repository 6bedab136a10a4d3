// How good a model is at held-out problems: samples them and has the reward
// service judge.
#ifndef R1_PIPELINE_EVALUATE_H_
#define R1_PIPELINE_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/ops.h"
#include "learner/journal.h"
#include "model/tokenizer.h"
#include "model/weights.h"
#include "pipeline/reward_link.h"
#include "pipeline/run_store.h"
#include "proto/config.pb.h"
#include "proto/reward.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

struct EvalOptions {
  Task task = COUNTDOWN;  // decides the answer rules that `reward` leaves open
  RewardSection reward;   // the rules: JudgingRules(); max_error_share
  int samples = 1;        // k, per problem
  SamplingParams sampling;
  uint64_t seed = 1;   // key of the random draws
  int max_batch = 64;  // never changes a result
};

struct EvalReport {
  // In display order, with k = samples: pass@1, pass@k, cons@k, the same
  // "_lenient", format, mean_length (tokens), truncated, problems, abstained,
  // errors, then "reward/NAME", the mean score, for each rule of EvalRules()
  // but the first. "Strict" (no suffix) is the first rule giving 1, "lenient"
  // that or the task's lenient rule; reward/README.md says what each accepts.
  // What a server elsewhere has no rule for is left out. Problems are part of
  // no number but these where the reference is unusable, which counts as
  // abstained, or a sample's result is an error or a timeout; errors are such
  // samples.
  Metrics metrics;
  std::vector<EvalSample> samples;  // by problem, then sample index
};

// The rules that judge the samples of an evaluation: EvalRules() of
// reward/builtin_rules.h, then, where the service has them and they are absent,
// the task's lenient rule and "format" as metrics.
std::vector<RewardRuleSpec> JudgingRules(const RewardSection& section,
                                         Task task, const RewardLink& link);

// How a run's evaluations sample: eval.temperature and eval.top_p, and the
// rollouts' length and stop texts.
SamplingParams MakeEvalSampling(const RunConfig& config);

// Called now and then with finished and all samples; false stops the
// evaluation with Cancelled.
using EvalProgress = std::function<bool(int64_t done, int64_t total)>;

// The second half of an evaluation: judges `trajectories`, options.samples of
// them for each prompt, in order of (prompt, sample index).
// Errors: InvalidArgument for a bad rule; FailedPrecondition, naming a sample,
// if the share of errors and timeouts is above reward.max_error_share; those of
// the service; Cancelled.
absl::StatusOr<EvalReport> JudgeSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories, const Tokenizer& tokenizer,
    const EvalOptions& options, const RewardLink& link,
    const EvalProgress& progress);

// A function of (weights, prompts, options but max_batch).
// Errors: InvalidArgument for a prompt that does not fit the context;
// Internal if the model computes numbers that are not finite; those of
// JudgeSamples.
absl::StatusOr<EvalReport> Evaluate(const ModelWeights& weights,
                                    std::shared_ptr<const Tokenizer> tokenizer,
                                    const std::vector<Prompt>& prompts,
                                    const EvalOptions& options,
                                    const RewardLink& link, Ops* ops,
                                    const EvalProgress& progress);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATE_H_
