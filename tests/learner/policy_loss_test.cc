#include "learner/policy_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/philox.h"
#include "tests/reference/policy_loss.h"

namespace r1 {
namespace {

using reference::PolicyLossCase;
using reference::Rows;

// Scored tokens in both forms: flat floats for the product, rows of the same
// numbers for the oracle.
struct Batch {
  std::vector<int64_t> offsets = {0};
  std::vector<float> trainer, old, rollout, ref, entropy, advantage;

  int64_t size() const { return offsets.back(); }
  Rows AsRows(const std::vector<float>& values) const {
    Rows rows;
    for (size_t s = 0; s + 1 < offsets.size(); ++s) {
      rows.emplace_back(values.begin() + offsets[s],
                        values.begin() + offsets[s + 1]);
    }
    return rows;
  }
  PolicyLossInput Input(bool with_ref = true, bool with_entropy = true) const {
    return {
        offsets,
        trainer,
        old,
        rollout,
        with_ref ? absl::MakeConstSpan(ref) : absl::Span<const float>(),
        with_entropy ? absl::MakeConstSpan(entropy) : absl::Span<const float>(),
        advantage};
  }
  MinibatchExtent Extent() const {
    return {static_cast<int64_t>(offsets.size()) - 1, size()};
  }
};

// Log ratios within +-0.6, so that all clip bounds below bind somewhere.
Batch RandomBatch(uint64_t seed, const std::vector<int>& lengths) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  Batch b;
  for (int length : lengths) {
    const float advantage = 4 * random.NextUniform() - 2;
    for (int t = 0; t < length; ++t) {
      const float logprob = -0.05f - 3 * random.NextUniform();
      b.trainer.push_back(logprob);
      b.old.push_back(logprob + 1.2f * (random.NextUniform() - 0.5f));
      b.rollout.push_back(b.old.back() + 0.8f * (random.NextUniform() - 0.5f));
      b.ref.push_back(logprob + 2 * (random.NextUniform() - 0.5f));
      b.entropy.push_back(2 * random.NextUniform());
      b.advantage.push_back(advantage);
    }
    b.offsets.push_back(b.trainer.size());
  }
  return b;
}

using Variant = std::tuple<PolicyObjective, RatioLevel, LossAggregation, int>;

PolicyLossConfig ConfigOf(const Variant& variant) {
  PolicyLossConfig config;
  config.objective = std::get<0>(variant);
  config.ratio_level = std::get<1>(variant);
  config.aggregation = std::get<2>(variant);
  const int extras = std::get<3>(variant);
  config.clip_low = 0.2;
  config.clip_high = 0.28;
  // Below 1 + clip_high, so that the small ratios of this test reach it.
  config.dual_clip = extras & 1 ? 1.15 : 0;
  config.kl_coef = extras & 2 ? 0.3 : 0;
  config.tis_cap = extras & 4 ? 1.1 : 0;
  config.entropy_coef = extras & 8 ? 0.07 : 0;
  config.max_new_tokens = 23;
  return config;
}

PolicyLossCase OracleCase(const PolicyLossConfig& config, const Batch& b) {
  PolicyLossCase c;
  c.objective = config.objective == CISPO ? "cispo" : "ppo";
  c.ratio = config.ratio_level == SEQUENCE ? "sequence" : "token";
  c.aggregation = config.aggregation == SEQUENCE_MEAN ? "seq-mean"
                  : config.aggregation == TOKEN_MEAN  ? "token-mean"
                                                      : "seq-sum-norm";
  c.clip_low = config.clip_low;
  c.clip_high = config.clip_high;
  c.dual_clip = config.dual_clip;
  c.kl_coef = config.kl_coef;
  c.tis_cap = config.tis_cap;
  c.entropy_coef = config.entropy_coef;
  c.max_new_tokens = config.max_new_tokens;
  c.old_logp = b.AsRows(b.old);
  c.rollout_logp = b.AsRows(b.rollout);
  c.ref_logp = b.AsRows(b.ref);
  c.advantage = b.AsRows(b.advantage);
  return c;
}

// Every objective, ratio level and aggregation with every set of extras: 192.
// A loop, not a parameter: each test case costs a process start in ctest.
std::vector<Variant> AllVariants() {
  std::vector<Variant> all;
  for (PolicyObjective objective : {PPO_CLIP, CISPO}) {
    for (RatioLevel level : {TOKEN, SEQUENCE}) {
      for (LossAggregation aggregation :
           {SEQUENCE_MEAN, TOKEN_MEAN, SEQUENCE_SUM_NORM}) {
        for (int extras = 0; extras < 16; ++extras) {
          all.emplace_back(objective, level, aggregation, extras);
        }
      }
    }
  }
  return all;
}

std::string NameOf(const Variant& v) {
  return absl::StrCat(PolicyObjective_Name(std::get<0>(v)), " ",
                      RatioLevel_Name(std::get<1>(v)), " ",
                      LossAggregation_Name(std::get<2>(v)), " extras ",
                      std::get<3>(v));
}

void ExpectLossAndGradientMatchTheOracle(const Variant& variant) {
  SCOPED_TRACE(NameOf(variant));
  const PolicyLossConfig config = ConfigOf(variant);
  const Batch b = RandomBatch(7, {1, 5, 31, 2, 8});
  const PolicyLossOutput out =
      ComputePolicyLoss(config, b.Input(config.kl_coef > 0), b.Extent());

  const PolicyLossCase oracle = OracleCase(config, b);
  const Rows frozen = b.AsRows(b.trainer), entropy = b.AsRows(b.entropy);
  Rows logp = frozen;
  // Both sum 47 terms below 10 in double.
  EXPECT_NEAR(out.loss, reference::PolicyLoss(oracle, logp, frozen, entropy),
              1e-12);

  // Central differences: truncation is h^2 times the third derivative, which
  // is below 10 here, rounding 1e-15 / h; the result is stored as float.
  const double h = 1e-5, tolerance = 1e-8;
  for (size_t s = 0; s < logp.size(); ++s) {
    for (size_t t = 0; t < logp[s].size(); ++t) {
      const double rho = reference::Ratio(oracle, logp, s, t);
      const double at = logp[s][t];
      for (double kink :
           {1 - config.clip_low, 1 + config.clip_high, config.dual_clip}) {
        ASSERT_GT(std::abs(rho - kink), 1e-4) << "choose another seed";
      }
      logp[s][t] = at + h;
      const double up = reference::PolicyLoss(oracle, logp, frozen, entropy);
      logp[s][t] = at - h;
      const double down = reference::PolicyLoss(oracle, logp, frozen, entropy);
      logp[s][t] = at;
      const double expected = (up - down) / (2 * h);
      const float got = out.dlogprobs[b.offsets[s] + t];
      EXPECT_NEAR(got, expected, tolerance + 1e-6 * std::abs(expected))
          << "sequence " << s << " token " << t;
    }
  }
}

void ExpectEntropyGradientMatchesTheOracle(const Variant& variant) {
  SCOPED_TRACE(NameOf(variant));
  const PolicyLossConfig config = ConfigOf(variant);
  const Batch b = RandomBatch(7, {3, 5, 2});
  const PolicyLossOutput out =
      ComputePolicyLoss(config, b.Input(config.kl_coef > 0), b.Extent());
  if (config.entropy_coef == 0) {
    EXPECT_TRUE(out.dentropies.empty());
    return;
  }
  const PolicyLossCase oracle = OracleCase(config, b);
  const Rows logp = b.AsRows(b.trainer);
  Rows entropy = b.AsRows(b.entropy);
  const double base = reference::PolicyLoss(oracle, logp, logp, entropy);
  for (size_t s = 0; s < entropy.size(); ++s) {
    for (size_t t = 0; t < entropy[s].size(); ++t) {
      entropy[s][t] += 1;  // the loss is linear in it
      EXPECT_NEAR(out.dentropies[b.offsets[s] + t],
                  reference::PolicyLoss(oracle, logp, logp, entropy) - base,
                  1e-9);
      entropy[s][t] -= 1;
    }
  }
}

void ExpectMicrobatchesAddUpToTheMinibatch(const Variant& variant) {
  SCOPED_TRACE(NameOf(variant));
  const PolicyLossConfig config = ConfigOf(variant);
  const Batch whole = RandomBatch(3, {4, 6, 9});
  const PolicyLossOutput expected = ComputePolicyLoss(
      config, whole.Input(config.kl_coef > 0), whole.Extent());
  double loss = 0;
  PolicyLossStats stats;
  std::vector<float> dlogprobs;
  for (size_t s = 0; s + 1 < whole.offsets.size(); ++s) {
    const int64_t begin = whole.offsets[s], end = whole.offsets[s + 1];
    const auto cut = [&](const std::vector<float>& v) {
      return std::vector<float>(v.begin() + begin, v.begin() + end);
    };
    const Batch part{{0, end - begin},    cut(whole.trainer),
                     cut(whole.old),      cut(whole.rollout),
                     cut(whole.ref),      cut(whole.entropy),
                     cut(whole.advantage)};
    const PolicyLossOutput out = ComputePolicyLoss(
        config, part.Input(config.kl_coef > 0), whole.Extent());
    loss += out.loss;
    stats.Add(out.stats);
    dlogprobs.insert(dlogprobs.end(), out.dlogprobs.begin(),
                     out.dlogprobs.end());
  }
  EXPECT_NEAR(loss, expected.loss, 1e-14);
  EXPECT_EQ(dlogprobs, expected.dlogprobs);
  EXPECT_EQ(stats.clipped_low, expected.stats.clipped_low);
  EXPECT_EQ(stats.clipped_high, expected.stats.clipped_high);
  EXPECT_EQ(stats.ratio_max, expected.stats.ratio_max);
}

TEST(PolicyLoss, LossAndGradientMatchTheOracleForEveryVariant) {
  for (const Variant& variant : AllVariants())
    ExpectLossAndGradientMatchTheOracle(variant);
}

TEST(PolicyLoss, EntropyGradientMatchesTheOracleForEveryVariant) {
  for (const Variant& variant : AllVariants())
    ExpectEntropyGradientMatchesTheOracle(variant);
}

TEST(PolicyLoss, MicrobatchesAddUpToTheMinibatchForEveryVariant) {
  for (const Variant& variant : AllVariants())
    ExpectMicrobatchesAddUpToTheMinibatch(variant);
}

// Paper section 1.1: with pi_theta = pi_old the gradient is that of
// sum A log pi, nothing is clipped, and k3 to an equal reference is 0.
TEST(PolicyLoss, OnPolicyGradientIsTheAdvantage) {
  Batch b = RandomBatch(5, {3, 7});
  b.old = b.rollout = b.ref = b.trainer;
  PolicyLossConfig config;
  config.kl_coef = 0.5;
  const PolicyLossOutput out = ComputePolicyLoss(config, b.Input(), b.Extent());
  EXPECT_EQ(out.stats.ratio_max, 1);
  EXPECT_EQ(out.stats.ratio_sum, 10);
  EXPECT_EQ(out.stats.clip_fraction(), 0);
  EXPECT_EQ(out.stats.k3_sum, 0);
  EXPECT_EQ(out.stats.max_abs_log_ratio, 0);
  for (int t = 0; t < 10; ++t) {
    const double weight = 1.0 / (2 * (t < 3 ? 3 : 7));
    EXPECT_EQ(out.dlogprobs[t], static_cast<float>(-weight * b.advantage[t]));
  }
}

TEST(PolicyLoss, TokenAndSequenceRatioAgreeOnPolicy) {
  Batch b = RandomBatch(5, {3, 7, 1});
  b.old = b.trainer;
  PolicyLossConfig token, sequence;
  sequence.ratio_level = SEQUENCE;
  const auto x = ComputePolicyLoss(token, b.Input(), b.Extent());
  const auto y = ComputePolicyLoss(sequence, b.Input(), b.Extent());
  EXPECT_NEAR(x.loss, y.loss, 1e-15);
  for (size_t t = 0; t < x.dlogprobs.size(); ++t) {
    // One rounding to float each.
    EXPECT_NEAR(x.dlogprobs[t], y.dlogprobs[t], 1e-7);
  }
}

TEST(PolicyLoss, SequenceAndTokenMeanAgreeForEqualLengths) {
  const Batch b = RandomBatch(5, {4, 4, 4});
  PolicyLossConfig sequence, token;
  token.aggregation = TOKEN_MEAN;
  const auto x = ComputePolicyLoss(sequence, b.Input(), b.Extent());
  const auto y = ComputePolicyLoss(token, b.Input(), b.Extent());
  EXPECT_NEAR(x.loss, y.loss, 1e-15);
  for (size_t t = 0; t < x.dlogprobs.size(); ++t) {
    EXPECT_NEAR(x.dlogprobs[t], y.dlogprobs[t], 1e-7);
  }
}

TEST(PolicyLoss, ZeroAdvantageHasGradientExactlyZero) {
  for (PolicyObjective objective : {PPO_CLIP, CISPO}) {
    for (RatioLevel level : {TOKEN, SEQUENCE}) {
      Batch b = RandomBatch(11, {6, 2});
      std::fill(b.advantage.begin(), b.advantage.begin() + 6, 0.0f);
      PolicyLossConfig config;
      config.objective = objective;
      config.ratio_level = level;
      const auto out = ComputePolicyLoss(config, b.Input(false), b.Extent());
      for (int t = 0; t < 6; ++t) EXPECT_EQ(out.dlogprobs[t], 0.0f);
      EXPECT_NE(out.dlogprobs[6] + out.dlogprobs[7], 0.0f);
    }
  }
}

// Paper section 3.2.1's clip of 10: the lower bound never binds, and only a
// ratio above 11 with a positive advantage is cut.
TEST(PolicyLoss, ClipTenCutsOnlyLargeRatiosOfGoodTokens) {
  Batch b;
  b.offsets = {0, 4};
  b.old = {-5, -5, -1, -1};
  b.trainer = {-5 + std::log(10.9f), -5 + std::log(11.1f), -9, -1};
  b.rollout = b.old;
  b.advantage = {1, 1, -1, -1};
  PolicyLossConfig config;
  config.clip_low = config.clip_high = 10;
  const auto out = ComputePolicyLoss(config, b.Input(false, false), b.Extent());
  EXPECT_EQ(out.stats.clipped_high, 1);
  EXPECT_EQ(out.stats.clipped_low, 0);
  EXPECT_NEAR(out.dlogprobs[0], -10.9 / 4, 1e-5);
  EXPECT_EQ(out.dlogprobs[1], 0.0f);
  EXPECT_NEAR(out.dlogprobs[2], std::exp(-8.0) / 4, 1e-9);
  EXPECT_NEAR(out.dlogprobs[3], 1.0 / 4, 1e-7);
}

TEST(PolicyLoss, ClampsKeepExtremeRatiosFinite) {
  Batch b;
  b.offsets = {0, 2};
  b.trainer = {-0.5f, -60};
  b.old = {-60, -0.5f};
  b.rollout = b.old;
  b.ref = {-60, -0.1f};
  b.advantage = {-1, -1};
  PolicyLossConfig config;
  config.kl_coef = 1;
  const auto out = ComputePolicyLoss(config, b.Input(true, false), b.Extent());
  // Token 0: ratio e^20 instead of e^59.5, A = -1, k3 at its cap of 10.
  // Token 1: ratio below 1 - clip_low, k3 at its cap.
  EXPECT_NEAR(out.loss, (std::exp(20.0) + 0.8 + 20) / 2, 1);
  EXPECT_EQ(out.dlogprobs[0], 0.0f);
  EXPECT_EQ(out.dlogprobs[1], 0.0f);
  EXPECT_EQ(out.stats.k3_sum, 20);
}

TEST(PolicyLoss, K3IsNeverNegative) {
  Batch b;
  for (double gap = -1; gap <= 1; gap += 1.0 / 512) {
    b.trainer.push_back(-2);
    b.ref.push_back(static_cast<float>(-2 + gap * gap * gap * 1e-3));
  }
  b.offsets = {0, static_cast<int64_t>(b.trainer.size())};
  b.old = b.rollout = b.trainer;
  b.advantage.assign(b.trainer.size(), 0);
  PolicyLossConfig config;
  config.kl_coef = 1;
  for (size_t t = 0; t < b.trainer.size(); ++t) {
    const Batch one{
        {0, 1}, {b.trainer[t]}, {b.old[t]}, {b.rollout[t]}, {b.ref[t]}, {},
        {0}};
    EXPECT_GE(
        ComputePolicyLoss(config, one.Input(true, false), {1, 1}).stats.k3_sum,
        0);
  }
}

TEST(PolicyLoss, NanStaysVisible) {
  for (bool in_ref : {false, true}) {
    Batch b = RandomBatch(5, {2});
    (in_ref ? b.ref : b.trainer)[1] = std::nanf("");
    PolicyLossConfig config;
    config.kl_coef = 0.1;
    EXPECT_TRUE(
        std::isnan(ComputePolicyLoss(config, b.Input(), b.Extent()).loss));
  }
}

TEST(PolicyLoss, ConfigComesFromTheStageConfig) {
  RlSection rl;
  RolloutSection rollout;
  rl.set_objective(CISPO);
  rl.set_ratio_level(SEQUENCE);
  rl.set_aggregation(SEQUENCE_SUM_NORM);
  rl.set_clip_low(0.5);
  rl.set_clip_high(4);
  rl.set_dual_clip(3);
  rl.set_kl_coef(0.25);
  rl.set_tis_cap(2);
  rl.set_entropy_coef(-1);
  rollout.set_max_new_tokens(77);
  const PolicyLossConfig config = MakePolicyLossConfig(rl, rollout);
  EXPECT_EQ(config.objective, CISPO);
  EXPECT_EQ(config.ratio_level, SEQUENCE);
  EXPECT_EQ(config.aggregation, SEQUENCE_SUM_NORM);
  EXPECT_EQ(config.clip_low, 0.5);
  EXPECT_EQ(config.clip_high, 4);
  EXPECT_EQ(config.dual_clip, 3);
  EXPECT_EQ(config.kl_coef, 0.25);
  EXPECT_EQ(config.tis_cap, 2);
  EXPECT_EQ(config.entropy_coef, -1);
  EXPECT_EQ(config.max_new_tokens, 77);
}

}  // namespace
}  // namespace r1
