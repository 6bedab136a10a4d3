// What results of rewards mean to whoever asked for them.
#ifndef R1_PROTO_REWARD_RESULT_H_
#define R1_PROTO_REWARD_RESULT_H_

#include "proto/reward.pb.h"

namespace r1 {

// Whether the rewards failed on a sample: an error or a timeout. An abstention
// is a verdict.
inline bool IsFailure(const RewardResult& result) {
  return result.kind() != REWARD_SCORE && result.kind() != REWARD_ABSTAIN;
}

}  // namespace r1

#endif  // R1_PROTO_REWARD_RESULT_H_
