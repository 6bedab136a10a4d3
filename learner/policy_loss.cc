#include "learner/policy_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/math.h"
#include "proto/answer_length.h"

namespace r1 {
namespace {

constexpr double kMaxLogRatio = 20;
constexpr double kMaxK3 = 10;

// A function's value and its derivative.
struct Term {
  double value = 0;
  double derivative = 0;
};

// exp(x) with x clamped to +-20; the derivative beyond is 0.
Term ClampedExp(double x) {
  const double value = Exp(std::clamp(x, -kMaxLogRatio, kMaxLogRatio));
  return {value, std::abs(x) <= kMaxLogRatio ? value : 0};
}

// Weight of every token of a sequence of `length` tokens.
double TokenWeight(const PolicyLossConfig& config,
                   const MinibatchExtent& extent, int64_t length) {
  switch (config.aggregation) {
    case SEQUENCE_MEAN:
      return 1.0 / (static_cast<double>(extent.sequences) * length);
    case TOKEN_MEAN:
      return 1.0 / extent.tokens;
    case SEQUENCE_SUM_NORM:
      return 1.0 /
             (static_cast<double>(extent.sequences) * config.max_new_tokens);
  }
  R1_CHECK(false, "aggregation is one of the enum");
}

// J of PPO_CLIP as a function of log rho, and what clipped it.
Term ClippedObjective(const PolicyLossConfig& config, Term ratio,
                      double advantage, PolicyLossStats* stats) {
  const double rho = ratio.value;
  const double low = 1 - config.clip_low, high = 1 + config.clip_high;
  if (advantage > 0 && rho > high) {
    ++stats->clipped_high;
    return {high * advantage, 0};
  }
  if (advantage < 0 && rho < low) {
    ++stats->clipped_low;
    return {low * advantage, 0};
  }
  if (advantage < 0 && config.dual_clip > 0 && rho > config.dual_clip) {
    ++stats->clipped_dual;
    return {config.dual_clip * advantage, 0};
  }
  return {rho * advantage, ratio.derivative * advantage};
}

// sg(clip(rho)) A, the factor of log pi in CISPO's objective.
double CispoFactor(const PolicyLossConfig& config, double rho, double advantage,
                   PolicyLossStats* stats) {
  const double low = 1 - config.clip_low, high = 1 + config.clip_high;
  if (rho < low) ++stats->clipped_low;
  if (rho > high) ++stats->clipped_high;
  return std::clamp(rho, low, high) * advantage;
}

// k3 as a function of log pi_theta.
Term K3(double ref_logprob, double logprob) {
  const double log_ratio = ref_logprob - logprob;
  // expm1 keeps the small values that exp(x) - 1 - x would lose.
  const double value = std::max(Expm1(log_ratio) - log_ratio, 0.0);
  if (value > kMaxK3) return {kMaxK3, 0};
  return {value, -Expm1(log_ratio)};
}

// Truncated importance weight of a token.
double TisWeight(const PolicyLossConfig& config, const PolicyLossInput& in,
                 int64_t t) {
  if (config.tis_cap == 0) return 1;
  const double log_weight =
      static_cast<double>(in.old_logprobs[t]) - in.rollout_logprobs[t];
  return std::min(ClampedExp(log_weight).value, config.tis_cap);
}

// One sequence: tokens [begin, end), each of weight w.
class SequenceLoss {
 public:
  SequenceLoss(const PolicyLossConfig& config, const PolicyLossInput& in,
               double w, PolicyLossOutput* out)
      : config_(config), in_(in), w_(w), out_(*out) {}

  void Add(int64_t begin, int64_t end) {
    const int64_t length = end - begin;
    double mean_log_ratio = 0;
    for (int64_t t = begin; t < end; ++t) mean_log_ratio += LogRatio(t);
    mean_log_ratio /= length;
    std::vector<double> d(length);  // d loss / d log pi_theta
    for (int64_t t = begin; t < end; ++t) {
      const double log_ratio =
          config_.ratio_level == TOKEN ? LogRatio(t) : mean_log_ratio;
      CountRatio(log_ratio);
      d[t - begin] = AddPolicyTerm(t, ClampedExp(log_ratio));
    }
    if (config_.ratio_level == SEQUENCE && config_.objective == PPO_CLIP) {
      // Every J_t depends on s_i, and d log s_i / d log pi = 1 / |o_i|.
      const double sum = std::accumulate(d.begin(), d.end(), 0.0);
      std::fill(d.begin(), d.end(), sum / length);
    }
    for (int64_t t = begin; t < end; ++t) {
      out_.dlogprobs[t] = static_cast<float>(d[t - begin] + AddKl(t));
      AddEntropy(t);
    }
  }

 private:
  double LogRatio(int64_t t) const {
    return static_cast<double>(in_.trainer_logprobs[t]) - in_.old_logprobs[t];
  }

  void CountRatio(double log_ratio) {
    PolicyLossStats& stats = out_.stats;
    const double ratio = ClampedExp(log_ratio).value;
    ++stats.tokens;
    stats.ratio_sum += ratio;
    stats.ratio_max = std::max(stats.ratio_max, ratio);
    stats.max_abs_log_ratio =
        std::max(stats.max_abs_log_ratio, std::abs(log_ratio));
  }

  // Adds -w u J_t to the loss; returns its derivative by log rho (PPO_CLIP) or
  // by log pi (CISPO, whose factor carries no gradient).
  double AddPolicyTerm(int64_t t, Term ratio) {
    const double advantage = in_.advantages[t];
    const double weight = w_ * TisWeight(config_, in_, t);
    if (config_.objective == CISPO) {
      const double factor =
          weight * CispoFactor(config_, ratio.value, advantage, &out_.stats);
      out_.loss -= factor * in_.trainer_logprobs[t];
      return -factor;
    }
    const Term objective =
        ClippedObjective(config_, ratio, advantage, &out_.stats);
    out_.loss -= weight * objective.value;
    return -weight * objective.derivative;
  }

  double AddKl(int64_t t) {
    if (in_.ref_logprobs.empty()) return 0;
    const Term k3 = K3(in_.ref_logprobs[t], in_.trainer_logprobs[t]);
    out_.stats.k3_sum += k3.value;
    out_.loss += w_ * config_.kl_coef * k3.value;
    return w_ * config_.kl_coef * k3.derivative;
  }

  void AddEntropy(int64_t t) {
    if (in_.entropies.empty()) return;
    out_.stats.entropy_sum += in_.entropies[t];
    if (config_.entropy_coef == 0) return;
    out_.loss -= w_ * config_.entropy_coef * in_.entropies[t];
    out_.dentropies[t] = static_cast<float>(-w_ * config_.entropy_coef);
  }

  const PolicyLossConfig& config_;
  const PolicyLossInput& in_;
  const double w_;
  PolicyLossOutput& out_;
};

void CheckShapes(const PolicyLossInput& in) {
  R1_CHECK(!in.seq_offsets.empty(), "offsets start with 0");
  const size_t R = in.seq_offsets.back();
  R1_CHECK(in.trainer_logprobs.size() == R, "one trainer log-prob a token");
  R1_CHECK(in.old_logprobs.size() == R, "one old log-prob a token");
  R1_CHECK(in.rollout_logprobs.size() == R, "one rollout log-prob a token");
  R1_CHECK(in.advantages.size() == R, "one advantage a token");
  R1_CHECK(in.ref_logprobs.empty() || in.ref_logprobs.size() == R,
           "one reference log-prob a token");
  R1_CHECK(in.entropies.empty() || in.entropies.size() == R,
           "one entropy a token");
}

}  // namespace

PolicyLossConfig MakePolicyLossConfig(const RlSection& rl,
                                      const RolloutSection& rollout) {
  PolicyLossConfig config;
  config.objective = rl.objective();
  config.ratio_level = rl.ratio_level();
  config.aggregation = rl.aggregation();
  config.clip_low = rl.clip_low();
  config.clip_high = rl.clip_high();
  config.dual_clip = rl.dual_clip();
  config.kl_coef = rl.kl_coef();
  config.tis_cap = rl.tis_cap();
  config.entropy_coef = rl.entropy_coef();
  // A constant: the scale of the loss is that of every step.
  config.max_new_tokens = MostNewTokens(rollout);
  return config;
}

void PolicyLossStats::Add(const PolicyLossStats& other) {
  tokens += other.tokens;
  clipped_low += other.clipped_low;
  clipped_high += other.clipped_high;
  clipped_dual += other.clipped_dual;
  ratio_sum += other.ratio_sum;
  ratio_max = std::max(ratio_max, other.ratio_max);
  max_abs_log_ratio = std::max(max_abs_log_ratio, other.max_abs_log_ratio);
  k3_sum += other.k3_sum;
  entropy_sum += other.entropy_sum;
}

double PolicyLossStats::clip_fraction() const {
  if (tokens == 0) return 0;
  return static_cast<double>(clipped_low + clipped_high + clipped_dual) /
         tokens;
}

PolicyLossOutput ComputePolicyLoss(const PolicyLossConfig& config,
                                   const PolicyLossInput& input,
                                   const MinibatchExtent& extent) {
  CheckShapes(input);
  PolicyLossOutput out;
  out.dlogprobs.resize(input.trainer_logprobs.size());
  if (!input.entropies.empty() && config.entropy_coef != 0) {
    out.dentropies.resize(input.entropies.size());
  }
  for (size_t s = 0; s + 1 < input.seq_offsets.size(); ++s) {
    const int64_t begin = input.seq_offsets[s], end = input.seq_offsets[s + 1];
    if (begin == end) continue;
    const double w = TokenWeight(config, extent, end - begin);
    SequenceLoss(config, input, w, &out).Add(begin, end);
  }
  return out;
}

}  // namespace r1
