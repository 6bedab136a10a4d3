// The learner's current weights, lent to whoever samples with them. One object
// serves the trainer and all samplers of the process; before the trainer
// changes it, everybody has to give it back.
#ifndef R1_ROLLOUT_PUBLISHED_WEIGHTS_H_
#define R1_ROLLOUT_PUBLISHED_WEIGHTS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"
#include "rollout/weight_source.h"

namespace r1 {

// Threads: safe from any thread.
class PublishedWeights : public WeightSource {
 public:
  PublishedWeights();
  ~PublishedWeights() override;

  // Withdraws the weights before, then lends out these.
  void Publish(const WeightsId& id,
               std::shared_ptr<const ModelWeights> weights);
  // Lends out no more and waits until all are given back.
  void Retract();

  absl::StatusOr<std::shared_ptr<const ModelWeights>> Get(
      const WeightsId& id) override;
  bool IsCurrent(const WeightsId& id) const override;

  // A copy of the parameters in layout order, made once per version: sending
  // it to a slow worker never holds up the learner.  Errors: as Get.
  absl::StatusOr<std::shared_ptr<const std::vector<float>>> Snapshot(
      const WeightsId& id);

 private:
  struct State;
  std::shared_ptr<State> state_;  // also held by everything lent out
};

}  // namespace r1

#endif  // R1_ROLLOUT_PUBLISHED_WEIGHTS_H_
