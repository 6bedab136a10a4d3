// Weights that come over the wire, verified by their hash before they are used.
#ifndef R1_ROLLOUT_FETCHED_WEIGHTS_H_
#define R1_ROLLOUT_FETCHED_WEIGHTS_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"
#include "rollout/weight_source.h"

namespace r1 {

// Keeps one version: the last one fetched.
// Threads: one caller at a time.
class FetchedWeights : public WeightSource {
 public:
  // Delivers the chunks of the named weights, in order.
  using Fetch = std::function<absl::Status(
      const WeightsId&, absl::FunctionRef<absl::Status(const WeightsChunk&)>)>;

  FetchedWeights(const ModelConfig& config, Ops* ops);

  // Where Get fetches from, from now on; what it has already stays.
  void SetFetch(Fetch fetch) { fetch_ = std::move(fetch); }

  // Nobody may hold other weights of this source. A damaged transfer is
  // repeated once.
  absl::StatusOr<std::shared_ptr<const PolicyWeights>> Get(
      const WeightsId& id) override;
  // What was fetched stays as it is; whether it is still wanted is learned
  // from the leases.
  bool IsCurrent(const WeightsId&) const override { return true; }

 private:
  absl::Status FetchOnce(const WeightsId& id);

  Ops* ops_;
  Fetch fetch_;
  std::shared_ptr<PolicyWeights> weights_;
  std::string hash_;  // of weights_
  bool is_valid_ = false;
};

}  // namespace r1

#endif  // R1_ROLLOUT_FETCHED_WEIGHTS_H_
