// How long an answer may be: a function of the RL step alone.
#ifndef R1_PROTO_ANSWER_LENGTH_H_
#define R1_PROTO_ANSWER_LENGTH_H_

#include <cstdint>
#include <limits>

#include "proto/config.pb.h"

namespace r1 {

// Longest answer in tokens at RL step `step`, from 1; 0: before the first, and
// in other stages.
inline int32_t MaxNewTokensAt(const RolloutSection& rollout, int64_t step) {
  int32_t tokens = rollout.max_new_tokens();
  for (const LongerAnswers& longer : rollout.longer()) {
    if (longer.from_step() <= step) tokens = longer.max_new_tokens();
  }
  return tokens;
}

// Over all steps.
inline int32_t MostNewTokens(const RolloutSection& rollout) {
  return MaxNewTokensAt(rollout, std::numeric_limits<int64_t>::max());
}

}  // namespace r1

#endif  // R1_PROTO_ANSWER_LENGTH_H_
