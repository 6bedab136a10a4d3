#include "rollout/published_weights.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/status_macros.h"

namespace r1 {

struct PublishedWeights::State {
  // Not OK unless `wanted` is what is published.
  absl::Status Check(const WeightsId& wanted) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (weights == nullptr || wanted.version() != id.version()) {
      return absl::NotFoundError(absl::StrCat(
          "weights of version ", wanted.version(), " are not published; ",
          weights == nullptr ? std::string("none are")
                             : absl::StrCat("version ", id.version(), " is")));
    }
    if (wanted.sha256() != id.sha256()) {
      return absl::FailedPreconditionError(
          absl::StrCat("weights of version ", id.version(), " have SHA-256 ",
                       id.sha256(), ", but ", wanted.sha256(),
                       " is expected; do learner and worker "
                       "belong to the same run?"));
    }
    return absl::OkStatus();
  }
  bool HasNoReaders() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return num_readers == 0;
  }

  absl::Mutex mutex;
  WeightsId id ABSL_GUARDED_BY(mutex);
  std::shared_ptr<const ModelWeights> weights ABSL_GUARDED_BY(mutex);
  int num_readers ABSL_GUARDED_BY(mutex) = 0;

  absl::Mutex snapshot_mutex;  // never taken while holding `mutex`
  WeightsId snapshot_id ABSL_GUARDED_BY(snapshot_mutex);
  std::shared_ptr<const std::vector<float>> snapshot
      ABSL_GUARDED_BY(snapshot_mutex);
};

PublishedWeights::PublishedWeights() : state_(std::make_shared<State>()) {}
PublishedWeights::~PublishedWeights() = default;

void PublishedWeights::Publish(const WeightsId& id,
                               std::shared_ptr<const ModelWeights> weights) {
  Retract();
  absl::MutexLock lock(&state_->mutex);
  state_->id = id;
  state_->weights = std::move(weights);
}

void PublishedWeights::Retract() {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->weights = nullptr;
    state_->mutex.Await(absl::Condition(state_.get(), &State::HasNoReaders));
  }
  absl::MutexLock lock(&state_->snapshot_mutex);
  state_->snapshot = nullptr;
}

absl::StatusOr<std::shared_ptr<const ModelWeights>> PublishedWeights::Get(
    const WeightsId& id) {
  absl::MutexLock lock(&state_->mutex);
  R1_RETURN_IF_ERROR(state_->Check(id));
  ++state_->num_readers;
  return std::shared_ptr<const ModelWeights>(
      state_->weights.get(),
      [state = state_, owner = state_->weights](const ModelWeights*) {
        absl::MutexLock lock(&state->mutex);
        --state->num_readers;
      });
}

bool PublishedWeights::IsCurrent(const WeightsId& id) const {
  absl::MutexLock lock(&state_->mutex);
  return state_->Check(id).ok();
}

absl::StatusOr<std::shared_ptr<const std::vector<float>>>
PublishedWeights::Snapshot(const WeightsId& id) {
  R1_ASSIGN_OR_RETURN(const std::shared_ptr<const ModelWeights> weights,
                      Get(id));
  absl::MutexLock lock(&state_->snapshot_mutex);
  if (state_->snapshot == nullptr ||
      state_->snapshot_id.version() != id.version()) {
    const absl::Span<const float> flat = weights->params().flat();
    state_->snapshot =
        std::make_shared<const std::vector<float>>(flat.begin(), flat.end());
    state_->snapshot_id = id;
  }
  return state_->snapshot;
}

}  // namespace r1
