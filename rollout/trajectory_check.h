// Whether a trajectory that came over the wire can be what was asked for.
#ifndef R1_ROLLOUT_TRAJECTORY_CHECK_H_
#define R1_ROLLOUT_TRAJECTORY_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "model/model_config.h"
#include "proto/rollout.pb.h"

namespace r1 {

// OK if `trajectory` is well-formed as a completion of a prompt with
// `prompt_tokens` tokens under `sampling` with weights `version`.
// Errors: InvalidArgument naming prompt, sample, field, expected and got.
absl::Status CheckTrajectory(const Trajectory& trajectory,
                             int64_t prompt_tokens,
                             const SamplingParams& sampling, uint64_t version,
                             const ModelConfig& config);

}  // namespace r1

#endif  // R1_ROLLOUT_TRAJECTORY_CHECK_H_
