// Results of samples that could not be scored.
#ifndef R1_REWARD_CORE_RESULT_H_
#define R1_REWARD_CORE_RESULT_H_

#include <string>

#include "proto/reward.pb.h"

namespace r1 {

RewardResult ErrorResult(const std::string& id, std::string detail);

// Of an item that was not scored in time.
RewardResult TimeoutResult(const std::string& id, std::string detail);

}  // namespace r1

#endif  // R1_REWARD_CORE_RESULT_H_
