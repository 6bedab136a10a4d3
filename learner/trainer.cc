#include "learner/trainer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/advantage.h"

namespace r1 {
namespace {

PolicySample MakeSample(const SampleGroup& group, uint32_t sample_index,
                        double advantage) {
  const auto& prompt = group.prompt.token_ids();
  const Trajectory& trajectory = group.samples[sample_index].trajectory;
  PolicySample sample;
  sample.prompt_id = group.prompt.id();
  sample.sample_index = sample_index;
  sample.sequence.tokens.assign(prompt.begin(), prompt.end());
  sample.sequence.tokens.insert(sample.sequence.tokens.end(),
                                trajectory.tokens().begin(),
                                trajectory.tokens().end());
  sample.sequence.first_scored = prompt.size();
  sample.rollout_logprobs.assign(trajectory.logprobs().begin(),
                                 trajectory.logprobs().end());
  sample.old_logprobs = sample.rollout_logprobs;
  sample.advantage = static_cast<float>(advantage);
  return sample;
}

}  // namespace

absl::StatusOr<Metrics> Trainer::Step() {
  const int64_t step = state_.step + 1;
  StepTimes times;
  int64_t fresh_tokens = 0;
  MismatchInquiry inquiry(config_, peers_, step);
  for (;;) {
    // Rollout and rewards, with the weights shared in the meantime.
    const absl::Time start = absl::Now();
    R1_ASSIGN_OR_RETURN(const Collection collection,
                        Collect(step, &inquiry, &fresh_tokens));
    const absl::Time collected = absl::Now();
    times.rollout_seconds += absl::ToDoubleSeconds(collected - start);

    // Advantages of the whole phase, before any split.
    std::vector<RewardGroup> rewards;
    for (const SampleGroup& group : collection.groups) {
      rewards.push_back(group.rewards());
    }
    const std::vector<std::vector<double>> advantages = ComputeAdvantages(
        config_.rl().advantage(), rewards, config_.rl().dynamic_sampling() > 0);
    R1_RETURN_IF_ERROR(RecordAdvantages(collection, advantages));

    std::vector<PolicySample> samples = MakeSamples(collection, advantages);
    R1_ASSIGN_OR_RETURN(const UpdateTotals totals,
                        Train(absl::MakeSpan(samples)));
    times.train_seconds += absl::ToDoubleSeconds(absl::Now() - collected);
    if (!totals.rejected.empty()) {  // then nothing was updated
      R1_RETURN_IF_ERROR(inquiry.Reject(totals.rejected, collection));
      continue;
    }

    state_.step = step;
    ++state_.version;
    state_.next_index = collection.next_index;
    weights_sha256_ = HashWeights(*state_.weights, ops_);

    Metrics metrics;
    AppendSampleMetrics(collection, options_.answer_rules, &metrics);
    AppendUpdateMetrics(totals, state_.reference != nullptr, &metrics);
    AppendTimeMetrics(times, fresh_tokens, totals.tokens, &metrics);
    metrics.emplace_back("version", state_.version);
    R1_RETURN_IF_ERROR(peers_.journal->RecordMetrics(step, metrics));
    return metrics;
  }
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
                            *state_.weights, absl::MakeSpan(again))),
                        collection));
    if (is_settled) return collection;
  }
}

absl::StatusOr<UpdateTotals> Trainer::Train(absl::Span<PolicySample> samples) {
  const RlSection& rl = config_.rl();
  train_progress_.tokens_trained = 0;
  train_progress_.tokens_to_train = 0;
  for (const PolicySample& sample : samples) {
    train_progress_.tokens_to_train +=
        sample.sequence.length() * rl.inner_epochs();
  }
  UpdateTotals totals;
  totals.samples = samples.size();
  if (rl.tis_cap() > 0) {
    Compare(gradient_.ScoreOldLogprobs(*state_.weights, samples),
            samples.size(), &totals);
  }
  for (int epoch = 0; epoch < rl.inner_epochs(); ++epoch) {
    for (const std::vector<int>& indices :
         SplitIntoMinibatches(samples.size(), rl.minibatches(), config_.seed(),
                              state_.step, epoch)) {
      if (!totals.rejected.empty()) return totals;
      std::vector<const PolicySample*> minibatch;
      for (int i : indices) minibatch.push_back(&samples[i]);
      R1_RETURN_IF_ERROR(Update(minibatch, &totals));
    }
  }
  return totals;
}

absl::Status Trainer::Update(const std::vector<const PolicySample*>& minibatch,
                             UpdateTotals* totals) {
  OptimizerState& optimizer = state_.optimizer;
  if (minibatch.empty()) {  // nothing to learn from: only time passes
    ++optimizer.updates;
  } else {
    grads_.SetZero();
    // The first update is that of the policy which sampled, to the bit where
    // the trainer scored the samples itself; elsewhere a bit may be enough to
    // make samples again.
    const RlSection& rl = config_.rl();
    const bool is_first = totals->updates == 0;
    const bool is_on_policy =
        is_first && (rl.tis_cap() > 0 || rl.max_mismatch() == 0);
    const MinibatchGradient gradient =
        gradient_.Compute(*state_.weights, state_.reference.get(), minibatch,
                          is_on_policy, GradientsOf(state_, &grads_));
    if (is_first && rl.tis_cap() == 0) {
      Compare(gradient.deviations, minibatch.size(), totals);
      if (!totals->rejected.empty()) return absl::OkStatus();
    }
    const UpdateResult update = ApplyUpdate(optimizer_, gradient.loss, grads_,
                                            ops_, &optimizer, &state_.params);
    totals->Add(gradient, update);
    if (update.is_applied) {
      RenewWeights(ops_, &state_);
    } else {
      R1_RETURN_IF_ERROR(ReportSkipped(minibatch, update));
    }
  }
  // The reference policy becomes the current one (paper section 2.1: every 400
  // steps).
  const int64_t every = config_.rl().reference_every();
  if (state_.reference != nullptr && every > 0 &&
      optimizer.updates % every == 0) {
    state_.reference = state_.weights;
  }
  return absl::OkStatus();
}

Trainer::Trainer(const StageConfig& config, const LearnerPeers& peers, Ops* ops,
                 TrainingState state, TrainerOptions options)
    : config_(config),
      peers_(peers),
      ops_(ops),
      state_(std::move(state)),
      options_(std::move(options)),
      optimizer_(MakeRlOptimizerConfig(config.rl())),
      progress_(options_.on_progress),
      collector_(config_, state_.config, peers_, options_.patience, &progress_),
      gradient_(
          state_.config, MakePolicyLossConfig(config.rl(), config.rollout()),
          config.rollout().temperature(), config.rl().microbatch_tokens(),
          [this](int64_t tokens) { ReportProgress(tokens); }, ops, state_.keep),
      grads_(state_.params.shared_layout()),
      weights_sha256_(HashWeights(*state_.weights, ops_)) {
  R1_CHECK((state_.reference != nullptr) == (config_.rl().kl_coef() > 0),
           "a reference goes with rl.kl_coef > 0");
}

WeightsId Trainer::weights_id() const {
  WeightsId id;
  id.set_version(state_.version);
  id.set_sha256(weights_sha256_);
  return id;
}

absl::Status Trainer::RecordAdvantages(
    const Collection& collection,
    const std::vector<std::vector<double>>& advantages) {
  for (size_t g = 0; g < collection.groups.size(); ++g) {
    const SampleGroup& group = collection.groups[g];
    for (size_t i = 0; i < group.samples.size(); ++i) {
      if (group.samples[i].reward.kind() != REWARD_SCORE) continue;
      R1_RETURN_IF_ERROR(peers_.journal->RecordAdvantage(
          state_.step + 1, group.prompt.id(), i, advantages[g][i]));
    }
  }
  return absl::OkStatus();
}

// The scored samples in order of (prompt, sample). Dynamic sampling leaves out
// the groups that it replaced: those whose rewards are all equal.
std::vector<PolicySample> Trainer::MakeSamples(
    const Collection& collection,
    const std::vector<std::vector<double>>& advantages) const {
  std::vector<PolicySample> samples;
  for (size_t g = 0; g < collection.groups.size(); ++g) {
    const SampleGroup& group = collection.groups[g];
    if (config_.rl().dynamic_sampling() > 0 &&
        !IsInformative(group.rewards())) {
      continue;
    }
    for (size_t i = 0; i < group.samples.size(); ++i) {
      if (group.samples[i].reward.kind() != REWARD_SCORE) continue;
      samples.push_back(MakeSample(group, i, advantages[g][i]));
    }
  }
  return samples;
}

std::vector<Deviation> Trainer::TooFar(
    const std::vector<Deviation>& deviations) const {
  std::vector<Deviation> far;
  for (const Deviation& d : deviations) {
    if (d.nats() > config_.rl().max_mismatch()) far.push_back(d);
  }
  return far;
}

void Trainer::Compare(const std::vector<Deviation>& deviations,
                      int64_t num_compared, UpdateTotals* totals) const {
  totals->compared += num_compared;
  for (const Deviation& d : deviations) {
    totals->max_mismatch = std::max(totals->max_mismatch, d.nats());
  }
  totals->rejected = TooFar(deviations);
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
