#include "learner/trainer.h"

#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "learner/advantage.h"
#include "learner/policy_samples.h"

namespace r1 {

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
    R1_RETURN_IF_ERROR(
        RecordAdvantages(step, collection, advantages, peers_.journal));

    std::vector<PolicySample> samples =
        MakeSamples(collection, advantages, config_.rl());
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

absl::StatusOr<UpdateTotals> Trainer::Train(absl::Span<PolicySample> samples) {
  const RlSection& rl = config_.rl();
  StartProgress(samples);
  UpdateTotals totals;
  totals.samples = samples.size();
  if (rl.tis_cap() > 0) {
    totals.Compare(gradient_.ScoreOldLogprobs(*state_.weights, samples),
                   samples.size(), rl);
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
    // The first update is that of the policy which sampled, to the bit where
    // the trainer scored the samples itself; elsewhere a bit may be enough to
    // make samples again.
    const RlSection& rl = config_.rl();
    const bool is_first = totals->updates == 0;
    const bool is_on_policy =
        is_first && (rl.tis_cap() > 0 || rl.max_mismatch() == 0);
    R1_ASSIGN_OR_RETURN(
        const MinibatchGradient gradient,
        leader_.ComputePolicy(state_, minibatch, is_on_policy, &gradient_));
    if (is_first && rl.tis_cap() == 0) {
      totals->Compare(gradient.deviations, minibatch.size(), rl);
      if (!totals->rejected.empty()) return absl::OkStatus();
    }
    R1_ASSIGN_OR_RETURN(const UpdateResult update,
                        leader_.Update(gradient.loss, &state_));
    totals->Add(gradient, update);
    if (!update.is_applied) {
      R1_RETURN_IF_ERROR(ReportSkipped(minibatch, update));
    }
  }
  // The reference policy becomes the current one (paper section 2.1: every 400
  // steps).
  const int64_t every = config_.rl().reference_every();
  if (state_.reference != nullptr && every > 0 &&
      optimizer.updates % every == 0) {
    state_.reference = state_.weights;
    leader_.NoteNewReference();
  }
  return absl::OkStatus();
}

}  // namespace r1
