// First part of an evaluation: the workers of a run, or the one in this
// process, generate the samples.
#ifndef R1_PIPELINE_EVALUATION_GENERATE_SAMPLES_H_
#define R1_PIPELINE_EVALUATION_GENERATE_SAMPLES_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "model/weights.h"
#include "pipeline/evaluation/eval_options.h"
#include "proto/rollout.pb.h"
#include "rollout/rollout_source.h"

namespace r1 {

// options.samples trajectories of each prompt, by (prompt, sample index).
// Publishes the weights under `id` and retracts them at the end; no work may be
// outstanding. After an error work is: the source serves nothing else then. The
// result is a function of (weights, prompts, sampling, seed), whoever
// generates, dies or comes back. Errors: InvalidArgument for two prompts of one
// id or one that does not fit the context; Internal if the model computes
// numbers that are not finite; Unavailable after options.patience without a
// sign of any worker; Cancelled.
absl::StatusOr<std::vector<Trajectory>> GenerateSamples(
    const WeightsId& id, std::shared_ptr<const PolicyWeights> weights,
    const std::vector<Prompt>& prompts, const EvalOptions& options,
    RolloutSource* source, const EvalProgress& progress);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_GENERATE_SAMPLES_H_
