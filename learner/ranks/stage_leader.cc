#include "learner/ranks/stage_leader.h"

#include <utility>

#include "base/status_macros.h"
#include "learner/ranks/messages.h"
#include "learner/ranks/stage_state.h"

namespace r1 {
namespace {

template <typename Item>
std::vector<std::vector<const Item*>> Deal(
    absl::Span<const Item* const> items,
    const std::vector<std::vector<int>>& indices) {
  std::vector<std::vector<const Item*>> shards;
  for (const std::vector<int>& of_shard : indices) {
    std::vector<const Item*>& shard = shards.emplace_back();
    for (int i : of_shard) shard.push_back(items[i]);
  }
  return shards;
}

template <typename Item>
std::vector<bool> AreEmpty(absl::Span<const std::vector<const Item*>> shards) {
  std::vector<bool> are_empty;
  for (const auto& shard : shards) are_empty.push_back(shard.empty());
  return are_empty;
}

}  // namespace

StageLeader::StageLeader(const GradientRanks& ranks,
                         const OptimizerConfig& optimizer, StageStart loss,
                         Ops* ops, const TrainingState& state)
    : solo_(ops->device()),
      shards_(ranks.shards),
      optimizer_(optimizer),
      loss_(std::move(loss)),
      cost_(state.config),
      rank_(ranks.shards, optimizer,
            ranks.ranks == nullptr ? &solo_ : ranks.ranks, ops,
            state.params.shared_layout()) {}

absl::Status StageLeader::Order(const RankOrder& order) {
  std::vector<std::string> orders(rank_.ranks()->size(),
                                  order.SerializeAsString());
  std::string mine;
  return rank_.ranks()->Scatter(orders, &mine);
}

// The ranks get the stage with the first minibatch: nothing before needs them.
absl::Status StageLeader::Start(const TrainingState& state) {
  if (is_alone() || has_started_) return absl::OkStatus();
  RankOrder order;
  StageStart* start = order.mutable_start();
  *start = loss_;
  start->set_gradient_shards(shards_);
  SetOptimizer(optimizer_, state.optimizer, start);
  DescribeState(state, start);
  R1_RETURN_IF_ERROR(Order(order));
  R1_RETURN_IF_ERROR(SendState(state, *start, rank_.slices(), rank_.ranks()));
  has_started_ = true;
  has_new_reference_ = false;
  return absl::OkStatus();
}

template <typename Item>
absl::Status StageLeader::OrderGradient(
    const TrainingState& state,
    const std::vector<std::vector<const Item*>>& shards, GradientOrder order) {
  if (is_alone()) return absl::OkStatus();
  R1_RETURN_IF_ERROR(Start(state));
  order.set_renews_reference(std::exchange(has_new_reference_, false));
  std::vector<std::string> orders;
  for (int v = 0; v < shards_; v += rank_.shards_per_rank()) {
    RankOrder of_rank;
    *of_rank.mutable_gradient() = order;
    for (int i = 0; v > 0 && i < rank_.shards_per_rank(); ++i) {
      Shard* shard = of_rank.mutable_gradient()->add_shard();
      for (const Item* item : shards[v + i]) {
        *shard->add_sequence() = ToMessage(*item);
      }
    }
    orders.push_back(of_rank.SerializeAsString());
  }
  std::string mine;  // this rank has its samples
  return rank_.ranks()->Scatter(orders, &mine);
}

absl::StatusOr<MinibatchGradient> StageLeader::ComputePolicy(
    const TrainingState& state, absl::Span<const PolicySample* const> minibatch,
    bool is_on_policy, PolicyGradient* gradient) {
  std::vector<const TrainSequence*> sequences;
  for (const PolicySample* sample : minibatch) {
    sequences.push_back(&sample->sequence);
  }
  const auto shards = Deal(minibatch, DealGroups(sequences, cost_, shards_));
  const MinibatchExtent extent = ExtentOf(minibatch);
  GradientOrder order;
  order.set_sequences(extent.sequences);
  order.set_scored_tokens(extent.tokens);
  order.set_is_on_policy(is_on_policy);
  R1_RETURN_IF_ERROR(OrderGradient(state, shards, std::move(order)));
  R1_ASSIGN_OR_RETURN(
      const std::vector<ShardReport> reports,
      rank_.Compute(AreEmpty<PolicySample>(absl::MakeSpan(shards).subspan(
                        0, rank_.shards_per_rank())),
                    [&](int i, ParamSet* sums) {
                      return ToReport(
                          gradient->ComputeShard(
                              *state.weights, state.reference.get(), shards[i],
                              extent, is_on_policy, GradientsOf(state, sums)),
                          shards[i]);
                    }));
  MinibatchGradient whole;
  for (int v = 0; v < shards_; ++v) AddReport(reports[v], shards[v], &whole);
  return whole;
}

absl::StatusOr<double> StageLeader::ComputeSupervised(
    const TrainingState& state, absl::Span<const TrainSequence* const> batch,
    SupervisedGradient* gradient) {
  std::vector<int64_t> costs;
  for (const TrainSequence* example : batch) {
    costs.push_back(cost_.Of(example->length()));
  }
  const auto shards = Deal(batch, DealToShards(costs, shards_));
  const int64_t scored = ScoredOf(batch);
  GradientOrder order;
  order.set_sequences(batch.size());
  order.set_scored_tokens(scored);
  R1_RETURN_IF_ERROR(OrderGradient(state, shards, std::move(order)));
  R1_ASSIGN_OR_RETURN(
      const std::vector<ShardReport> reports,
      rank_.Compute(AreEmpty<TrainSequence>(absl::MakeSpan(shards).subspan(
                        0, rank_.shards_per_rank())),
                    [&](int i, ParamSet* sums) {
                      ShardReport report;
                      report.set_loss(
                          gradient->Compute(*state.weights, shards[i], scored,
                                            GradientsOf(state, sums)));
                      return report;
                    }));
  double logprob_sum = 0;
  for (const ShardReport& report : reports) logprob_sum += report.loss();
  return -logprob_sum / scored;
}

absl::StatusOr<UpdateResult> StageLeader::Update(double loss,
                                                 TrainingState* state) {
  if (!is_alone()) {
    RankOrder order;
    order.mutable_update()->set_loss(loss);
    order.mutable_update()->set_updates(state->optimizer.updates);
    R1_RETURN_IF_ERROR(Order(order));
  }
  return rank_.Update(loss, state);
}

absl::Status StageLeader::Collect(TrainingState* state) {
  // Before the ranks know the stage, all of it is here.
  if (is_alone() || !has_started_) return absl::OkStatus();
  RankOrder order;
  order.mutable_collect();
  R1_RETURN_IF_ERROR(Order(order));
  return rank_.CollectMoments(state);
}

}  // namespace r1
