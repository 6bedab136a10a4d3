#include "rollout/published_weights.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {

absl::Status PublishedWeights::Check(const WeightsId& wanted) const {
  if (weights_ == nullptr || wanted.version() != id_.version()) {
    return absl::NotFoundError(absl::StrCat(
        "weights of version ", wanted.version(), " are not published; ",
        weights_ == nullptr ? std::string("none are")
                            : absl::StrCat("version ", id_.version(), " is")));
  }
  if (wanted.sha256() != id_.sha256()) {
    return absl::FailedPreconditionError(
        absl::StrCat("weights of version ", id_.version(), " have SHA-256 ",
                     id_.sha256(), ", but ", wanted.sha256(),
                     " is expected; do learner and worker "
                     "belong to the same run?"));
  }
  return absl::OkStatus();
}

void PublishedWeights::Publish(const WeightsId& id,
                               std::shared_ptr<const PolicyWeights> weights) {
  absl::MutexLock lock(&mutex_);
  id_ = id;
  weights_ = std::move(weights);
}

void PublishedWeights::Withdraw() {
  absl::MutexLock lock(&mutex_);
  weights_ = nullptr;
}

absl::StatusOr<std::shared_ptr<const PolicyWeights>> PublishedWeights::Get(
    const WeightsId& id) {
  absl::MutexLock lock(&mutex_);
  R1_RETURN_IF_ERROR(Check(id));
  return weights_;
}

bool PublishedWeights::IsCurrent(const WeightsId& id) const {
  absl::MutexLock lock(&mutex_);
  return Check(id).ok();
}

}  // namespace r1
