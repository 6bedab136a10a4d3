// What the parts of an evaluation share.
#ifndef R1_PIPELINE_EVALUATION_EVAL_OPTIONS_H_
#define R1_PIPELINE_EVALUATION_EVAL_OPTIONS_H_

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "learner/stall_watch.h"
#include "proto/config.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

struct EvalOptions {
  Task task = COUNTDOWN;  // decides the answer rules that `reward` leaves open
  RewardSection reward;   // the rules: JudgingRules(); max_error_share
  int samples = 1;        // k, per problem
  SamplingParams sampling;
  uint64_t seed = 1;  // key of the random draws
  Patience patience;  // with workers
};

// How often a wait looks for an interruption.
inline constexpr absl::Duration kEvalPoll = absl::Milliseconds(100);

// Called now and then with finished and all samples; false stops the
// evaluation with Cancelled.
using EvalProgress = std::function<bool(int64_t done, int64_t total)>;

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_EVAL_OPTIONS_H_
