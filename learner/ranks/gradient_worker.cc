#include "learner/ranks/gradient_worker.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learner/policy_gradient.h"
#include "learner/policy_loss.h"
#include "learner/ranks/messages.h"
#include "learner/ranks/stage_rank.h"
#include "learner/ranks/stage_state.h"
#include "learner/supervised_gradient.h"
#include "proto/ranks.pb.h"

namespace r1 {
namespace {

// The part of one rank in one stage.
class StageWorker {
 public:
  static absl::StatusOr<std::unique_ptr<StageWorker>> Start(
      const StageStart& start, Communicator* ranks, Ops* ops) {
    if (start.gradient_shards() % ranks->size() != 0) {
      return absl::InternalError(absl::StrCat(
          ranks->size(), " ranks for ", start.gradient_shards(), " shards"));
    }
    R1_ASSIGN_OR_RETURN(TrainingState state, ReceiveState(start, ops, ranks));
    return std::unique_ptr<StageWorker>(
        new StageWorker(start, std::move(state), ranks, ops));
  }

  absl::Status Compute(const GradientOrder& order) {
    if (order.shard_size() != rank_.shards_per_rank()) {
      return absl::InternalError(
          absl::StrCat("an order for ", order.shard_size(), " shards, not ",
                       rank_.shards_per_rank()));
    }
    if (order.renews_reference()) state_.reference = state_.weights;
    std::vector<bool> are_empty;
    for (const Shard& shard : order.shard()) {
      are_empty.push_back(shard.sequence().empty());
    }
    return rank_
        .Compute(are_empty,
                 [&](int i, ParamSet* sums) {
                   const Gradients grads = GradientsOf(state_, sums);
                   return policy_ == nullptr
                              ? ComputeSupervised(order, i, grads)
                              : ComputePolicy(order, i, grads);
                 })
        .status();
  }

  absl::Status Update(const UpdateOrder& order) {
    state_.optimizer.updates = order.updates();
    return rank_.Update(order.loss(), &state_).status();
  }

  absl::Status Collect() { return rank_.CollectMoments(&state_); }

 private:
  StageWorker(const StageStart& start, TrainingState state, Communicator* ranks,
              Ops* ops)
      : state_(std::move(state)),
        rank_(start.gradient_shards(), ToOptimizerConfig(start), ranks, ops,
              state_.params.shared_layout()) {
    if (start.has_rl()) {
      policy_ = std::make_unique<PolicyGradient>(
          state_.config, MakePolicyLossConfig(start.rl(), start.rollout()),
          start.rollout().temperature(), start.rl().microbatch_tokens(),
          [](int64_t) {}, ops, state_.keep);
    } else {
      supervised_ =
          std::make_unique<SupervisedGradient>(state_.config, ops, state_.keep);
    }
  }

  ShardReport ComputePolicy(const GradientOrder& order, int i,
                            Gradients grads) {
    std::vector<PolicySample> samples;
    for (const ShardSequence& message : order.shard(i).sequence()) {
      samples.push_back(ToSample(message));
    }
    std::vector<const PolicySample*> shard;
    for (const PolicySample& sample : samples) shard.push_back(&sample);
    return ToReport(
        policy_->ComputeShard(*state_.weights, state_.reference.get(), shard,
                              {order.sequences(), order.scored_tokens()},
                              order.is_on_policy(), grads),
        shard);
  }

  ShardReport ComputeSupervised(const GradientOrder& order, int i,
                                Gradients grads) {
    std::vector<TrainSequence> examples;
    for (const ShardSequence& message : order.shard(i).sequence()) {
      examples.push_back(ToSequence(message));
    }
    std::vector<const TrainSequence*> shard;
    for (const TrainSequence& example : examples) shard.push_back(&example);
    ShardReport report;
    report.set_loss(supervised_->Compute(*state_.weights, shard,
                                         order.scored_tokens(), grads));
    return report;
  }

  TrainingState state_;
  StageRank rank_;
  // One of them.
  std::unique_ptr<PolicyGradient> policy_;
  std::unique_ptr<SupervisedGradient> supervised_;
};

absl::Status Follow(const RankOrder& order, Communicator* ranks, Ops* ops,
                    std::unique_ptr<StageWorker>* stage) {
  if (order.has_start()) {
    stage->reset();  // first, so that its memory can serve again
    R1_ASSIGN_OR_RETURN(*stage, StageWorker::Start(order.start(), ranks, ops));
    return absl::OkStatus();
  }
  if (*stage == nullptr) return absl::InternalError("an order before a stage");
  if (order.has_gradient()) return (*stage)->Compute(order.gradient());
  if (order.has_update()) return (*stage)->Update(order.update());
  if (order.has_collect()) return (*stage)->Collect();
  return absl::InternalError("an unknown order");
}

}  // namespace

absl::Status RunGradientWorker(Communicator* ranks, Ops* ops) {
  R1_CHECK(ranks->rank() > 0, "rank 0 gives the orders");
  std::unique_ptr<StageWorker> stage;
  for (;;) {
    std::string bytes;
    R1_RETURN_IF_ERROR(ranks->Scatter({}, &bytes));
    RankOrder order;
    const absl::Status status =
        order.ParseFromString(bytes)
            ? Follow(order, ranks, ops, &stage)
            : absl::InternalError("rank 0 sends no order");
    if (status.ok()) continue;
    if (!absl::IsUnavailable(status)) {
      ranks->Abort(Annotate(status, absl::StrCat("rank ", ranks->rank())));
    }
    return status;
  }
}

}  // namespace r1
