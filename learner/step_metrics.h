// The numbers of one RL step; README.md has the formula of each.
#ifndef R1_LEARNER_STEP_METRICS_H_
#define R1_LEARNER_STEP_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "learner/collector.h"
#include "learner/journal.h"
#include "learner/optimizer.h"
#include "learner/policy_gradient.h"
#include "learner/reward_item.h"
#include "proto/config.pb.h"

namespace r1 {

// Sums over the updates of one step.
struct UpdateTotals {
  int64_t updates = 0;  // tried
  int64_t applied = 0;
  double loss_sum = 0, grad_norm_sum = 0;  // over applied updates
  double learning_rate = 0;                // of the last
  PolicyLossStats stats;
  int64_t tokens = 0;  // prompt and completion
  // Samples to train on, and those whose log-probs were compared with the
  // trainer's: before the first update, as later ones have other weights.
  int64_t samples = 0, compared = 0;
  double max_mismatch = 0;  // nats
  // Those that deviate too far; nothing is updated then.
  std::vector<Deviation> rejected;

  void Add(const MinibatchGradient& gradient, const UpdateResult& update);
  // Notes how the log-probs of so many samples compare with the trainer's.
  void Compare(absl::Span<const Deviation> deviations, int64_t num_compared,
               const RlSection& rl);
};

// Those beyond rl.max_mismatch.
std::vector<Deviation> TooFar(absl::Span<const Deviation> deviations,
                              const RlSection& rl);

struct StepTimes {
  double rollout_seconds = 0;
  double train_seconds = 0;
};

// reward/…, accuracy, format, response_length/…, truncated_share, samples and
// tokens/generated of all samples of the step. The accuracy is the share of
// scored samples that are right by `answer_rules`.
void AppendSampleMetrics(const Collection& collection,
                         absl::Span<const AnswerRule> answer_rules,
                         Metrics* metrics);

// kl, entropy, clip_fraction, ratio/max, max_logprob_mismatch,
// mismatch/checked_share, loss, grad_norm,
// learning_rate, tokens/trained. `kl` only if `has_reference`.
void AppendUpdateMetrics(const UpdateTotals& totals, bool has_reference,
                         Metrics* metrics);

void AppendTimeMetrics(const StepTimes& times, int64_t tokens_generated,
                       int64_t tokens_trained, Metrics* metrics);

}  // namespace r1

#endif  // R1_LEARNER_STEP_METRICS_H_
