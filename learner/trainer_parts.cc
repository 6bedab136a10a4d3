// What the step in trainer.cc stands on: construction, collecting, reports.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/policy_samples.h"
#include "learner/trainer.h"

namespace r1 {
namespace {

StageStart LossOf(const StageConfig& config) {
  StageStart loss;
  *loss.mutable_rl() = config.rl();
  *loss.mutable_rollout() = config.rollout();
  return loss;
}

}  // namespace

Trainer::Trainer(const StageConfig& config, const LearnerPeers& peers, Ops* ops,
                 TrainingState state, TrainerOptions options)
    : config_(config),
      peers_(peers),
      ops_(ops),
      state_(std::move(state)),
      options_(std::move(options)),
      progress_(options_.on_progress),
      collector_(config_, state_.config, peers_, options_.patience, &progress_),
      gradient_(
          state_.config, MakePolicyLossConfig(config.rl(), config.rollout()),
          config.rollout().temperature(), config.rl().microbatch_tokens(),
          [this](int64_t tokens) { ReportProgress(tokens); }, ops, state_.keep),
      leader_({config.learner().gradient_shards(), options_.ranks},
              MakeRlOptimizerConfig(config.rl()), LossOf(config), ops, state_),
      weights_sha256_(HashWeights(*state_.weights, ops_)) {
  R1_CHECK((state_.reference != nullptr) == (config_.rl().kl_coef() > 0),
           "a reference goes with rl.kl_coef > 0");
}

// All samples of the step; those that were rejected once are compared first.
absl::StatusOr<Collection> Trainer::Collect(int64_t step,
                                            MismatchInquiry* inquiry,
                                            int64_t* fresh_tokens) {
  for (;;) {
    R1_RETURN_IF_ERROR(peers_.rollout->Publish(weights_id(), state_.weights));
    R1_ASSIGN_OR_RETURN(
        Collection collection,
        collector_.Collect(step, state_.version, state_.next_index,
                           inquiry->avoided()));
    peers_.rollout->Withdraw();
    *fresh_tokens += collection.fresh_tokens;
    std::vector<PolicySample> again;
    for (const auto& [prompt_id, sample_index] : inquiry->OpenIn(collection)) {
      const SampleGroup& group =
          collection.groups[prompt_id - state_.next_index];
      again.push_back(MakeSample(group, sample_index, /*advantage=*/0));
    }
    if (again.empty()) return collection;
    R1_ASSIGN_OR_RETURN(
        const bool is_settled,
        inquiry->Settle(TooFar(gradient_.ScoreOldLogprobs(
                                   *state_.weights, absl::MakeSpan(again)),
                               config_.rl()),
                        collection));
    if (is_settled) return collection;
  }
}

WeightsId Trainer::weights_id() const {
  WeightsId id;
  id.set_version(state_.version);
  id.set_sha256(weights_sha256_);
  return id;
}

absl::Status Trainer::ReportSkipped(
    const std::vector<const PolicySample*>& minibatch,
    const UpdateResult& update) {
  std::set<uint64_t> prompt_ids;
  for (const PolicySample* sample : minibatch) {
    prompt_ids.insert(sample->prompt_id);
  }
  const int64_t step = state_.step + 1;
  const std::string message =
      absl::StrCat("step ", step, ": update ", state_.optimizer.updates,
                   " was not applied: ", update.skip_reason,
                   "; its batch: ", minibatch.size(), " samples of prompts ",
                   absl::StrJoin(prompt_ids, " "));
  LogWarning(message);
  R1_RETURN_IF_ERROR(
      peers_.journal->RecordEvent(step, "update-skipped", message));
  return CheckNotStuck(state_.optimizer, update);
}

void Trainer::StartProgress(absl::Span<const PolicySample> samples) {
  train_progress_.tokens_trained = 0;
  train_progress_.tokens_to_train = 0;
  for (const PolicySample& sample : samples) {
    train_progress_.tokens_to_train +=
        sample.sequence.length() * config_.rl().inner_epochs();
  }
}

void Trainer::ReportProgress(int64_t new_tokens) {
  train_progress_.tokens_trained += new_tokens;
  progress_.Report(StepPhase::kTrain, [&](StepProgress* p) {
    p->step = state_.step + 1;
    p->tokens_trained = train_progress_.tokens_trained;
    p->tokens_to_train = train_progress_.tokens_to_train;
  });
}

OptimizerConfig MakeRlOptimizerConfig(const RlSection& rl) {
  OptimizerConfig config;
  config.schedule.peak = rl.learning_rate();
  config.schedule.warmup = rl.warmup_steps();
  config.schedule.is_cosine = rl.schedule() == COSINE;
  config.schedule.total =
      int64_t{rl.steps()} * rl.minibatches() * rl.inner_epochs();
  config.weight_decay = rl.weight_decay();
  config.max_grad_norm = rl.max_grad_norm();
  return config;
}

}  // namespace r1
