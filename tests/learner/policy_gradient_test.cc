#include "learner/policy_gradient.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.h"
#include "tests/learner/fakes.h"

namespace r1 {
namespace {

class PolicyGradientTest : public testing::Test {
 protected:
  PolicyGradientTest()
      : ops_(MakeCpuOps(2)),
        params_(TinyParams(1)),
        weights_(TinyModel()),
        reference_(TinyModel()) {
    weights_.Assign(params_, ops_.get());
    reference_.Assign(TinyParams(2), ops_.get());
    RandomSequence random(3, RandomStream::kData, 0, 0);
    for (int s = 0; s < 5; ++s) {
      PolicySample sample;
      sample.prompt_id = s;
      sample.sequence.first_scored = 2 + s % 3;
      for (int t = 0; t < 6 + 3 * s; ++t) {
        sample.sequence.tokens.push_back(random.NextBelow(257));
      }
      for (int t = 0; t < sample.sequence.scored(); ++t) {
        // A new model gives every token about 1 / 257.
        sample.rollout_logprobs.push_back(-std::log(257.0f) + 0.1f -
                                          0.2f * random.NextUniform());
      }
      sample.old_logprobs = sample.rollout_logprobs;
      sample.advantage = s % 2 ? 1.5f : -1;
      samples_.push_back(std::move(sample));
    }
    for (const PolicySample& sample : samples_) minibatch_.push_back(&sample);
    config_.kl_coef = 0.5;
    config_.entropy_coef = 0.1;
  }
  MinibatchGradient Compute(int64_t microbatch_tokens, ParamSet* grads) {
    PolicyGradient gradient(
        TinyModel(), config_, 0.7f, microbatch_tokens, [](int64_t) {},
        ops_.get());
    return gradient.Compute(weights_, &reference_, minibatch_, grads);
  }

  std::unique_ptr<Ops> ops_;
  ParamSet params_;
  PolicyWeights weights_, reference_;
  PolicyLossConfig config_;
  std::vector<PolicySample> samples_;
  std::vector<const PolicySample*> minibatch_;
};

// Along the gradient's own direction the loss grows by the gradient's norm.
TEST_F(PolicyGradientTest, GradientIsTheSlopeOfTheLoss) {
  ParamSet grads(params_.shared_layout());
  Compute(1 << 20, &grads);
  const double norm = std::sqrt(ops_->SumSquares(grads.flat()));
  const ParamSet start = params_.Clone();
  const auto loss_at = [&](double distance) {
    for (size_t i = 0; i < start.flat().size(); ++i) {
      params_.flat()[i] = start.flat()[i] + distance * grads.flat()[i] / norm;
    }
    weights_.Assign(params_, ops_.get());
    ParamSet unused(params_.shared_layout());
    return Compute(1 << 20, &unused).loss;
  };
  // The loss is about 1 and rounds at about 1e-6 in fp32; the distance is
  // chosen so that this and the third-order term stay below 1 %.
  const double h = 3e-3;
  EXPECT_NEAR((loss_at(h) - loss_at(-h)) / (2 * h), norm, 0.01 * norm);
}

TEST_F(PolicyGradientTest, MicrobatchesDoNotChangeTheResult) {
  ParamSet whole(params_.shared_layout());
  ParamSet cut(params_.shared_layout());
  const MinibatchGradient a = Compute(1 << 20, &whole);
  const MinibatchGradient b = Compute(20, &cut);
  EXPECT_NEAR(a.loss, b.loss, 1e-12);
  ASSERT_EQ(a.deviations.size(), b.deviations.size());
  for (size_t i = 0; i < a.deviations.size(); ++i) {
    EXPECT_EQ(a.deviations[i].sample, b.deviations[i].sample);
    EXPECT_EQ(a.deviations[i].nats(), b.deviations[i].nats());
  }
  EXPECT_EQ(a.tokens, 60);
  EXPECT_EQ(b.tokens, 60);
  EXPECT_EQ(a.stats.tokens, 60 - (2 + 3 + 4 + 2 + 3));
  // Sums of a few dozen terms in another order: some roundings of 2^-24.
  const double scale = std::sqrt(ops_->SumSquares(whole.flat()));
  for (size_t i = 0; i < whole.flat().size(); ++i) {
    ASSERT_NEAR(whole.flat()[i], cut.flat()[i], 1e-6 * scale) << i;
  }
}

TEST_F(PolicyGradientTest, FindsWhereSamplesDeviateMost) {
  PolicyGradient gradient(
      TinyModel(), config_, 0.7f, 20, [](int64_t) {}, ops_.get());
  gradient.ScoreOldLogprobs(weights_, absl::MakeSpan(samples_));
  for (PolicySample& sample : samples_) {
    sample.rollout_logprobs = sample.old_logprobs;
  }
  ParamSet grads(params_.shared_layout());
  EXPECT_TRUE(Compute(20, &grads).deviations.empty());
  EXPECT_TRUE(
      gradient.ScoreOldLogprobs(weights_, absl::MakeSpan(samples_)).empty());
  samples_[3].rollout_logprobs[0] += 0.125f;
  samples_[3].rollout_logprobs[1] += 0.25f;
  const MinibatchGradient result = Compute(20, &grads);
  ASSERT_EQ(result.deviations.size(), 1u);
  const Deviation& d = result.deviations[0];
  EXPECT_NEAR(d.nats(), 0.25, 1e-6);
  EXPECT_EQ(d.sample->prompt_id, 3);
  EXPECT_EQ(d.token, 1);
  EXPECT_EQ(d.rollout, samples_[3].rollout_logprobs[1]);
  EXPECT_EQ(d.trainer, samples_[3].old_logprobs[1]);
  const auto scored =
      gradient.ScoreOldLogprobs(weights_, absl::MakeSpan(samples_));
  ASSERT_EQ(scored.size(), 1u);
  EXPECT_EQ(scored[0].nats(), d.nats());
}

}  // namespace
}  // namespace r1
