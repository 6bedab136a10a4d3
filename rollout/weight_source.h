// Where a worker gets the weights that a lease names: from the learner in the
// same process, or over the wire.
#ifndef R1_ROLLOUT_WEIGHT_SOURCE_H_
#define R1_ROLLOUT_WEIGHT_SOURCE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Threads: each implementation says.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // Exactly the weights `id` names; never others. The caller lets go of them as
  // soon as it computes nothing with them: their memory serves the next
  // version. Errors: NotFound if this version is not (any longer) published;
  // FailedPrecondition if it is published with another hash; DataLoss if what
  // arrived does not have the hash. Messages name version, expected and got.
  virtual absl::StatusOr<std::shared_ptr<const PolicyWeights>> Get(
      const WeightsId& id) = 0;
  // False once `id` is withdrawn: then nobody wants what is computed with it.
  virtual bool IsCurrent(const WeightsId& id) const = 0;
};

}  // namespace r1

#endif  // R1_ROLLOUT_WEIGHT_SOURCE_H_
