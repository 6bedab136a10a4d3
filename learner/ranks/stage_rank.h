// One rank's part in training a stage: the gradients of its shards, its slice
// of the optimizer. The same code on all ranks, and where there is only one.
#ifndef R1_LEARNER_RANKS_STAGE_RANK_H_
#define R1_LEARNER_RANKS_STAGE_RANK_H_

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/buffer.h"
#include "kernels/ops.h"
#include "learner/optimizer.h"
#include "learner/ranks/communicator.h"
#include "learner/ranks/shard_sums.h"
#include "learner/training_state.h"
#include "proto/ranks.pb.h"

namespace r1 {

// A minibatch's gradient is the sum of those of V shards, in a balanced tree;
// of them a rank owns V / R neighbours, a subtree. Of moments it keeps its
// slice (ZeRO stage 1, arXiv 1910.02054), of the weights all. All ranks make
// the same calls. Errors: those of the communicator. Threads: one learner
// thread.
class StageRank {
 public:
  // R divides V. `layout`: of what is trained.
  StageRank(int gradient_shards, const OptimizerConfig& optimizer,
            Communicator* ranks, Ops* ops,
            std::shared_ptr<const ParamLayout> layout);

  Communicator* ranks() const { return ranks_; }
  const RankSlices& slices() const { return slices_; }
  int shards_per_rank() const { return shards_per_rank_; }

  // Adds the gradient of this rank's i-th shard to sums that are zero; what it
  // returns is empty if the shard is, and then nothing was added.
  using ComputeShard = absl::FunctionRef<ShardReport(int i, ParamSet* sums)>;
  // The reports of the V shards of a minibatch that is not empty.
  absl::StatusOr<std::vector<ShardReport>> Compute(
      const std::vector<bool>& is_empty, ComputeShard compute);

  // The update by the last gradient, and the weights after it.
  absl::StatusOr<UpdateResult> Update(double loss, TrainingState* state);

  // Afterwards rank 0 has all of both moments.
  absl::Status CollectMoments(TrainingState* state);

 private:
  absl::StatusOr<Tensor> GatherSlice();

  const OptimizerConfig optimizer_;
  Communicator* ranks_;
  Ops* ops_;
  const int shards_per_rank_;
  const RankSlices slices_;
  ShardSums sums_;
  std::vector<bool> has_gradient_;  // by rank, of the last minibatch
  Buffer received_;                 // a slice of each rank's sum
};

}  // namespace r1

#endif  // R1_LEARNER_RANKS_STAGE_RANK_H_
