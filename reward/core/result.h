// Results of samples that could not be scored.
#ifndef R1_REWARD_CORE_RESULT_H_
#define R1_REWARD_CORE_RESULT_H_

#include <string>
#include <utility>

#include "proto/reward.pb.h"

namespace r1 {

inline RewardResult ResultWithout(RewardKind kind, const std::string& id,
                                  std::string detail) {
  RewardResult result;
  result.set_id(id);
  result.set_kind(kind);
  result.set_detail(std::move(detail));
  return result;
}

inline RewardResult ErrorResult(const std::string& id, std::string detail) {
  return ResultWithout(REWARD_ERROR, id, std::move(detail));
}

// Of an item that was not scored in time.
inline RewardResult TimeoutResult(const std::string& id, std::string detail) {
  return ResultWithout(REWARD_TIMEOUT, id, std::move(detail));
}

}  // namespace r1

#endif  // R1_REWARD_CORE_RESULT_H_
