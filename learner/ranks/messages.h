// What ranks send each other (proto/ranks.proto), to and from the learner's
// own types. Every number is carried exactly.
#ifndef R1_LEARNER_RANKS_MESSAGES_H_
#define R1_LEARNER_RANKS_MESSAGES_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learner/optimizer.h"
#include "learner/packing.h"
#include "learner/policy_gradient.h"
#include "learner/training_state.h"
#include "proto/ranks.pb.h"

namespace r1 {

ShardSequence ToMessage(const TrainSequence& sequence);
ShardSequence ToMessage(const PolicySample& sample);
TrainSequence ToSequence(const ShardSequence& message);
PolicySample ToSample(const ShardSequence& message);

// Deviations are of samples of `shard`.
ShardReport ToReport(const MinibatchGradient& gradient,
                     absl::Span<const PolicySample* const> shard);
// Adds what a shard contributes.
void AddReport(const ShardReport& report,
               absl::Span<const PolicySample* const> shard,
               MinibatchGradient* gradient);

// The fields of the optimizer.
void SetOptimizer(const OptimizerConfig& config, const OptimizerState& state,
                  StageStart* message);
OptimizerConfig ToOptimizerConfig(const StageStart& message);

}  // namespace r1

#endif  // R1_LEARNER_RANKS_MESSAGES_H_
