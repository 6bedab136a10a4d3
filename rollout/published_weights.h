// The learner's current weights, handed out to whoever samples with them.
#ifndef R1_ROLLOUT_PUBLISHED_WEIGHTS_H_
#define R1_ROLLOUT_PUBLISHED_WEIGHTS_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"
#include "rollout/weight_source.h"

namespace r1 {

// Threads: safe from any thread.
class PublishedWeights : public WeightSource {
 public:
  // From now on these, in the place of those before.
  void Publish(const WeightsId& id,
               std::shared_ptr<const PolicyWeights> weights);
  // From now on none.
  void Withdraw();

  absl::StatusOr<std::shared_ptr<const PolicyWeights>> Get(
      const WeightsId& id) override;
  bool IsCurrent(const WeightsId& id) const override;

 private:
  // Not OK unless `wanted` is what is published.
  absl::Status Check(const WeightsId& wanted) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  WeightsId id_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const PolicyWeights> weights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_ROLLOUT_PUBLISHED_WEIGHTS_H_
