#include "learner/step_metrics.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/mean.h"
#include "proto/reward_result.h"

namespace r1 {
namespace {

double Ratio(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

// What rules say beside the total, by name.
struct RuleFacts {
  std::map<std::string, int64_t> not_applicable;  // samples, by rule
  std::map<std::string, Mean> metrics;            // by "RULE/NAME"
  int64_t samples_not_applicable = 0;             // by any rule

  void Add(const RewardResult& reward) {
    for (const std::string& rule : reward.not_applicable()) {
      ++not_applicable[rule];
    }
    samples_not_applicable += reward.not_applicable_size() > 0;
    for (const auto& [name, value] : reward.metrics()) metrics[name].Add(value);
  }

  void AppendTo(Metrics* out) const {
    out->emplace_back("reward/not_applicable", samples_not_applicable);
    for (const auto& [rule, count] : not_applicable) {
      out->emplace_back(absl::StrCat("reward/not_applicable/", rule), count);
    }
    for (const auto& [name, mean] : metrics) {
      out->emplace_back(absl::StrCat("reward/metric/", name), mean.value());
    }
  }
};

// Components' means in the order in which they first appear.
std::vector<std::pair<std::string, Mean>> ComponentMeans(
    const Collection& collection) {
  std::vector<std::pair<std::string, Mean>> means;
  for (const SampleGroup& group : collection.groups) {
    for (const CollectedSample& sample : group.samples) {
      if (sample.reward.kind() != REWARD_SCORE) continue;
      for (const RewardComponent& component : sample.reward.components()) {
        auto it = std::find_if(
            means.begin(), means.end(),
            [&](const auto& entry) { return entry.first == component.name(); });
        if (it == means.end()) {
          it = means.insert(means.end(), {component.name(), Mean()});
        }
        it->second.Add(component.value());
      }
    }
  }
  return means;
}

}  // namespace

void UpdateTotals::Add(const MinibatchGradient& gradient,
                       const UpdateResult& update) {
  ++updates;
  learning_rate = update.learning_rate;
  tokens += gradient.tokens;
  stats.Add(gradient.stats);
  if (!update.is_applied) return;
  ++applied;
  loss_sum += gradient.loss;
  grad_norm_sum += update.grad_norm;
}

void UpdateTotals::Compare(absl::Span<const Deviation> deviations,
                           int64_t num_compared, const RlSection& rl) {
  compared += num_compared;
  for (const Deviation& d : deviations) {
    max_mismatch = std::max(max_mismatch, d.nats());
  }
  rejected = TooFar(deviations, rl);
}

std::vector<Deviation> TooFar(absl::Span<const Deviation> deviations,
                              const RlSection& rl) {
  std::vector<Deviation> far;
  for (const Deviation& d : deviations) {
    if (d.nats() > rl.max_mismatch()) far.push_back(d);
  }
  return far;
}

void AppendSampleMetrics(const Collection& collection,
                         absl::Span<const AnswerRule> answer_rules,
                         Metrics* metrics) {
  Mean reward, raw_reward, accuracy, length, truncated;
  int64_t errors = 0, abstains = 0, zero_groups = 0;
  double longest = 0;
  RuleFacts facts;
  for (const SampleGroup& group : collection.groups) {
    zero_groups += !IsInformative(group.rewards());
    for (const CollectedSample& sample : group.samples) {
      const RewardKind kind = sample.reward.kind();
      if (kind == REWARD_SCORE) {
        reward.Add(sample.reward.total());
        raw_reward.Add(sample.reward.raw_total());
        if (const auto is_right = IsRight(sample.reward, answer_rules)) {
          accuracy.Add(*is_right);
        }
      }
      facts.Add(sample.reward);
      errors += IsFailure(sample.reward);
      abstains += kind == REWARD_ABSTAIN;
      const double tokens = sample.trajectory.tokens_size();
      length.Add(tokens);
      longest = std::max(longest, tokens);
      truncated.Add(sample.trajectory.finish_reason() == FINISH_LENGTH);
    }
  }
  metrics->emplace_back("reward/mean", reward.value());
  metrics->emplace_back("reward/raw_mean", raw_reward.value());
  for (const auto& [name, mean] : ComponentMeans(collection)) {
    metrics->emplace_back(absl::StrCat("reward/rule/", name), mean.value());
    if (name == kFormatRule) metrics->emplace_back("format", mean.value());
  }
  if (accuracy.count > 0) metrics->emplace_back("accuracy", accuracy.value());
  metrics->emplace_back("response_length/mean", length.value());
  metrics->emplace_back("response_length/max", longest);
  metrics->emplace_back("truncated_share", truncated.value());
  metrics->emplace_back("advantage/zero_groups",
                        Ratio(zero_groups, collection.groups.size()));
  metrics->emplace_back("reward/errors", errors);
  metrics->emplace_back("reward/abstains", abstains);
  facts.AppendTo(metrics);
  metrics->emplace_back("samples", length.count);
  metrics->emplace_back("tokens/generated", length.sum);
}

void AppendUpdateMetrics(const UpdateTotals& totals, bool has_reference,
                         Metrics* metrics) {
  const PolicyLossStats& stats = totals.stats;
  if (has_reference) {
    metrics->emplace_back("kl", Ratio(stats.k3_sum, stats.tokens));
  }
  metrics->emplace_back("entropy", Ratio(stats.entropy_sum, stats.tokens));
  metrics->emplace_back("clip_fraction", stats.clip_fraction());
  metrics->emplace_back("ratio/max", stats.ratio_max);
  metrics->emplace_back("max_logprob_mismatch", totals.max_mismatch);
  metrics->emplace_back("mismatch/checked_share",
                        Ratio(totals.compared, totals.samples));
  metrics->emplace_back("loss", Ratio(totals.loss_sum, totals.applied));
  metrics->emplace_back("grad_norm",
                        Ratio(totals.grad_norm_sum, totals.applied));
  metrics->emplace_back("learning_rate", totals.learning_rate);
  metrics->emplace_back("updates/skipped", totals.updates - totals.applied);
  metrics->emplace_back("tokens/trained", totals.tokens);
}

void AppendTimeMetrics(const StepTimes& times, int64_t tokens_generated,
                       int64_t tokens_trained, Metrics* metrics) {
  metrics->emplace_back("time/rollout_seconds", times.rollout_seconds);
  metrics->emplace_back("time/train_seconds", times.train_seconds);
  metrics->emplace_back("time/step_seconds",
                        times.rollout_seconds + times.train_seconds);
  metrics->emplace_back("tokens_per_second/generate",
                        Ratio(tokens_generated, times.rollout_seconds));
  metrics->emplace_back("tokens_per_second/train",
                        Ratio(tokens_trained, times.train_seconds));
}

}  // namespace r1
