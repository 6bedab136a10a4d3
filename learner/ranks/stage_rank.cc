#include "learner/ranks/stage_rank.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace r1 {

StageRank::StageRank(int gradient_shards, const OptimizerConfig& optimizer,
                     Communicator* ranks, Ops* ops,
                     std::shared_ptr<const ParamLayout> layout)
    : optimizer_(optimizer),
      ranks_(ranks),
      ops_(ops),
      shards_per_rank_(gradient_shards / ranks->size()),
      slices_(layout->count(), ranks->size()),
      sums_(std::move(layout), ops),
      received_(ops->device()) {
  R1_CHECK(shards_per_rank_ * ranks->size() == gradient_shards,
           "the number of ranks divides that of shards");
}

absl::StatusOr<std::vector<ShardReport>> StageRank::Compute(
    const std::vector<bool>& is_empty, ComputeShard compute) {
  R1_CHECK(static_cast<int>(is_empty.size()) == shards_per_rank_,
           "a rank computes its own shards");
  sums_.Start();
  GradientReport mine;
  for (int i = 0; i < shards_per_rank_; ++i) {
    if (is_empty[i]) {
      sums_.SkipNext();
      mine.add_shard()->set_is_empty(true);
    } else {
      *mine.add_shard() = compute(i, sums_.Next());
    }
  }
  std::vector<std::string> all = {""};
  const bool is_alone = ranks_->size() == 1;
  if (!is_alone) {
    R1_RETURN_IF_ERROR(ranks_->Gather(mine.SerializeAsString(), &all));
  }
  std::vector<ShardReport> reports;
  has_gradient_.assign(ranks_->size(), false);
  for (int p = 0; p < ranks_->size(); ++p) {
    GradientReport theirs;
    if (is_alone) {
      theirs = std::move(mine);
    } else if (!theirs.ParseFromString(all[p])) {
      return absl::InternalError(
          absl::StrCat("rank ", p, " reports no gradient"));
    }
    if (theirs.shard_size() != shards_per_rank_) {
      return absl::InternalError(
          absl::StrCat("rank ", p, " reports ", theirs.shard_size(),
                       " shards, not ", shards_per_rank_));
    }
    for (ShardReport& report : *theirs.mutable_shard()) {
      if (!report.is_empty()) has_gradient_[p] = true;
      reports.push_back(std::move(report));
    }
  }
  return reports;
}

// This rank's slice of the sum of all.
absl::StatusOr<Tensor> StageRank::GatherSlice() {
  ParamSet* const mine = sums_.Total();
  const int size = ranks_->size(), rank = ranks_->rank();
  if (size == 1) return mine->flat();
  const int64_t width = slices_.size(rank);
  const Tensor rows = received_.Reserve(size, width);
  std::vector<Tensor> send(size), receive(size), terms(size);
  for (int p = 0; p < size; ++p) {
    if (p == rank) {
      if (mine != nullptr) terms[p] = slices_.Of(mine->flat(), rank);
      continue;
    }
    if (mine != nullptr) send[p] = slices_.Of(mine->flat(), p);
    if (has_gradient_[p]) terms[p] = receive[p] = rows.Rows(p, 1);
  }
  R1_RETURN_IF_ERROR(ranks_->Move(send, receive));
  return AddInTree(std::move(terms), ops_);
}

absl::StatusOr<UpdateResult> StageRank::Update(double loss,
                                               TrainingState* state) {
  R1_ASSIGN_OR_RETURN(const Tensor gradient, GatherSlice());
  R1_ASSIGN_OR_RETURN(
      UpdateResult result,
      ApplyUpdateOnRanks(optimizer_, loss, gradient, slices_, ranks_, ops_,
                         &state->optimizer, &state->params));
  if (result.is_applied) RenewWeights(ops_, state);
  return result;
}

absl::Status StageRank::CollectMoments(TrainingState* state) {
  R1_RETURN_IF_ERROR(GatherAtFirst(slices_, state->optimizer.m.flat(), ranks_));
  return GatherAtFirst(slices_, state->optimizer.v.flat(), ranks_);
}

}  // namespace r1
