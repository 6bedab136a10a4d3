// Rank 0's half of training a stage: deals the minibatches, gives the other
// ranks their orders, and does its own part.
#ifndef R1_LEARNER_RANKS_STAGE_LEADER_H_
#define R1_LEARNER_RANKS_STAGE_LEADER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/ops.h"
#include "learner/optimizer.h"
#include "learner/policy_gradient.h"
#include "learner/ranks/communicator.h"
#include "learner/ranks/deal.h"
#include "learner/ranks/stage_rank.h"
#include "learner/supervised_gradient.h"
#include "learner/training_state.h"
#include "proto/ranks.pb.h"

namespace r1 {

// How the gradient of a stage is cut and who computes it.
struct GradientRanks {
  int shards = 1;  // V, learner.gradient_shards
  // R of them divide V; null: this process alone.
  Communicator* ranks = nullptr;
};

// Errors of all functions: those of the communicator.
// Threads: one learner thread.
class StageLeader {
 public:
  // `state` is the one that all calls are given; its layout is kept. `loss` has
  // rl and rollout of an RL stage, and nothing for next-token training.
  StageLeader(const GradientRanks& ranks, const OptimizerConfig& optimizer,
              StageStart loss, Ops* ops, const TrainingState& state);
  StageLeader(const StageLeader&) = delete;
  StageLeader& operator=(const StageLeader&) = delete;

  // The sum of the shards' gradients stays with the ranks, for Update.
  // `minibatch` is not empty. `gradient` computes the part of this rank.
  absl::StatusOr<MinibatchGradient> ComputePolicy(
      const TrainingState& state,
      absl::Span<const PolicySample* const> minibatch, bool is_on_policy,
      PolicyGradient* gradient);
  // The same of next-token training; returns the mean loss, nats.
  absl::StatusOr<double> ComputeSupervised(
      const TrainingState& state, absl::Span<const TrainSequence* const> batch,
      SupervisedGradient* gradient);

  // state.reference has become state.weights.
  void NoteNewReference() { has_new_reference_ = true; }

  // Applies the last gradient on all ranks, and renews the weights.
  absl::StatusOr<UpdateResult> Update(double loss, TrainingState* state);

  // Makes `state` whole, for a checkpoint: the moments lie with the ranks.
  absl::Status Collect(TrainingState* state);

 private:
  bool is_alone() const { return rank_.ranks()->size() == 1; }
  absl::Status Order(const RankOrder& order);
  absl::Status Start(const TrainingState& state);
  // Orders of the gradient of shards that `message` makes of sequences.
  template <typename Item>
  absl::Status OrderGradient(
      const TrainingState& state,
      const std::vector<std::vector<const Item*>>& shards, GradientOrder order);

  SoloCommunicator solo_;
  const int shards_;
  const OptimizerConfig optimizer_;
  const StageStart loss_;
  const SequenceCost cost_;
  StageRank rank_;
  bool has_started_ = false;        // the other ranks have the stage
  bool has_new_reference_ = false;  // which they do not know of
};

}  // namespace r1

#endif  // R1_LEARNER_RANKS_STAGE_LEADER_H_
