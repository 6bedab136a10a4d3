#include "learner/ranks/messages.h"

#include <algorithm>

#include "base/check.h"

namespace r1 {

ShardSequence ToMessage(const TrainSequence& sequence) {
  ShardSequence message;
  message.mutable_tokens()->Assign(sequence.tokens.begin(),
                                   sequence.tokens.end());
  message.set_first_scored(sequence.first_scored);
  return message;
}

ShardSequence ToMessage(const PolicySample& sample) {
  ShardSequence message = ToMessage(sample.sequence);
  message.mutable_rollout_logprobs()->Assign(sample.rollout_logprobs.begin(),
                                             sample.rollout_logprobs.end());
  message.mutable_old_logprobs()->Assign(sample.old_logprobs.begin(),
                                         sample.old_logprobs.end());
  message.set_advantage(sample.advantage);
  return message;
}

TrainSequence ToSequence(const ShardSequence& message) {
  TrainSequence sequence;
  sequence.tokens.assign(message.tokens().begin(), message.tokens().end());
  sequence.first_scored = message.first_scored();
  return sequence;
}

PolicySample ToSample(const ShardSequence& message) {
  PolicySample sample;
  sample.sequence = ToSequence(message);
  sample.rollout_logprobs.assign(message.rollout_logprobs().begin(),
                                 message.rollout_logprobs().end());
  sample.old_logprobs.assign(message.old_logprobs().begin(),
                             message.old_logprobs().end());
  sample.advantage = message.advantage();
  return sample;
}

ShardReport ToReport(const MinibatchGradient& gradient,
                     absl::Span<const PolicySample* const> shard) {
  ShardReport report;
  report.set_loss(gradient.loss);
  report.set_tokens(gradient.tokens);
  for (const Deviation& deviation : gradient.deviations) {
    const auto at = std::find(shard.begin(), shard.end(), deviation.sample);
    R1_CHECK(at != shard.end(), "a deviation of a sample of the shard");
    ShardDeviation* message = report.add_deviation();
    message->set_sequence(static_cast<int>(at - shard.begin()));
    message->set_token(deviation.token);
    message->set_rollout(deviation.rollout);
    message->set_trainer(deviation.trainer);
  }
  const PolicyLossStats& stats = gradient.stats;
  report.set_scored_tokens(stats.tokens);
  report.set_clipped_low(stats.clipped_low);
  report.set_clipped_high(stats.clipped_high);
  report.set_clipped_dual(stats.clipped_dual);
  report.set_ratio_sum(stats.ratio_sum);
  report.set_ratio_max(stats.ratio_max);
  report.set_max_abs_log_ratio(stats.max_abs_log_ratio);
  report.set_k3_sum(stats.k3_sum);
  report.set_entropy_sum(stats.entropy_sum);
  return report;
}

void AddReport(const ShardReport& report,
               absl::Span<const PolicySample* const> shard,
               MinibatchGradient* gradient) {
  gradient->loss += report.loss();
  gradient->tokens += report.tokens();
  for (const ShardDeviation& message : report.deviation()) {
    if (message.sequence() < 0 ||
        message.sequence() >= static_cast<int>(shard.size())) {
      continue;  // of no sample: the rank is of the same build, so never
    }
    gradient->deviations.push_back({shard[message.sequence()], message.token(),
                                    message.rollout(), message.trainer()});
  }
  PolicyLossStats stats;
  stats.tokens = report.scored_tokens();
  stats.clipped_low = report.clipped_low();
  stats.clipped_high = report.clipped_high();
  stats.clipped_dual = report.clipped_dual();
  stats.ratio_sum = report.ratio_sum();
  stats.ratio_max = report.ratio_max();
  stats.max_abs_log_ratio = report.max_abs_log_ratio();
  stats.k3_sum = report.k3_sum();
  stats.entropy_sum = report.entropy_sum();
  gradient->stats.Add(stats);
}

void SetOptimizer(const OptimizerConfig& config, const OptimizerState& state,
                  StageStart* message) {
  message->set_peak_rate(config.schedule.peak);
  message->set_warmup(config.schedule.warmup);
  message->set_is_cosine(config.schedule.is_cosine);
  message->set_total_updates(config.schedule.total);
  message->set_weight_decay(config.weight_decay);
  message->set_max_grad_norm(config.max_grad_norm);
  message->set_adam_step(state.step);
  message->set_weights_bound(state.bounds.weights);
  message->set_m_bound(state.bounds.m);
  message->set_v_bound(state.bounds.v);
}

OptimizerConfig ToOptimizerConfig(const StageStart& message) {
  OptimizerConfig config;
  config.schedule.peak = message.peak_rate();
  config.schedule.warmup = message.warmup();
  config.schedule.is_cosine = message.is_cosine();
  config.schedule.total = message.total_updates();
  config.weight_decay = message.weight_decay();
  config.max_grad_norm = message.max_grad_norm();
  return config;
}

}  // namespace r1
