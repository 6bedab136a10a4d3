#include "reward/core/result.h"

#include <utility>

namespace r1 {
namespace {

RewardResult Make(RewardKind kind, const std::string& id, std::string detail) {
  RewardResult result;
  result.set_id(id);
  result.set_kind(kind);
  result.set_detail(std::move(detail));
  return result;
}

}  // namespace

RewardResult ErrorResult(const std::string& id, std::string detail) {
  return Make(REWARD_ERROR, id, std::move(detail));
}

RewardResult TimeoutResult(const std::string& id, std::string detail) {
  return Make(REWARD_TIMEOUT, id, std::move(detail));
}

}  // namespace r1
