#include "learner/policy_gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/philox.h"
#include "kernels/cpu/cpu_ops.h"
#include "learner/ranks/deal.h"
#include "learner/ranks/shard_sums.h"
#include "tests/learner/fakes.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

// Counts the rows of the head.
class CountingOps : public cpu::CpuOps {
 public:
  using cpu::CpuOps::CpuOps;
  void LogprobForward(Tensor h, const Linear& head, Tensor targets,
                      float inv_temperature, Tensor logprob,
                      Tensor entropy) override {
    cpu::CpuOps::LogprobForward(h, head, targets, inv_temperature, logprob,
                                entropy);
    forward_rows += targets.cols;
  }
  void LogprobBackward(Tensor h, const Linear& head, Tensor targets,
                       float inv_temperature, Tensor dlogprob, Tensor dentropy,
                       Tensor dh, Tensor dhead, Tensor logprob,
                       Tensor entropy) override {
    cpu::CpuOps::LogprobBackward(h, head, targets, inv_temperature, dlogprob,
                                 dentropy, dh, dhead, logprob, entropy);
    backward_rows += targets.cols;
  }
  int64_t forward_rows = 0, backward_rows = 0;
};

struct TestGroup {
  int prompt;
  std::vector<int> completions;
};
// Prompts of one token, of whole pages of the KV cache and beyond.
const std::vector<TestGroup> kGroups = {
    {3, {6, 1, 9}}, {1, {4}}, {37, {5, 20, 1, 12}}, {32, {2, 3}}};
constexpr int kScored = 16 + 4 + 38 + 5;
constexpr int kTokens = kScored + 3 * 3 + 1 + 4 * 37 + 2 * 32;

class PolicyGradientTest : public testing::Test {
 protected:
  PolicyGradientTest()
      : ops_(2),
        params_(TinyParams(1)),
        weights_(TinyModel(), CpuDevice()),
        reference_(TinyModel(), CpuDevice()) {
    weights_.Assign(params_, &ops_);
    reference_.Assign(TinyParams(2), &ops_);
    RandomSequence random(3, RandomStream::kData, 0, 0);
    for (const TestGroup& group : kGroups) {
      std::vector<int32_t> prompt(group.prompt);
      for (int32_t& token : prompt) token = random.NextBelow(257);
      for (int length : group.completions) {
        PolicySample sample;
        sample.prompt_id = &group - kGroups.data();
        sample.sequence = {prompt, group.prompt};
        for (int t = 0; t < length; ++t) {
          sample.sequence.tokens.push_back(random.NextBelow(257));
          // A new model gives every token about 1 / 257.
          sample.rollout_logprobs.push_back(-std::log(257.0f) + 0.1f -
                                            0.2f * random.NextUniform());
        }
        sample.old_logprobs = sample.rollout_logprobs;
        sample.advantage = samples_.size() % 2 ? 1.5f : -1;
        samples_.push_back(std::move(sample));
      }
    }
    for (const PolicySample& sample : samples_) minibatch_.push_back(&sample);
    config_.kl_coef = 0.5;
    config_.entropy_coef = 0.1;
  }
  MinibatchGradient Compute(int64_t microbatch_tokens, ParamSet* grads,
                            bool is_on_policy = false, Ops* ops = nullptr) {
    PolicyGradient gradient(
        TinyModel(), config_, kTemperature, microbatch_tokens, [](int64_t) {},
        ops != nullptr ? ops : &ops_);
    return gradient.Compute(weights_,
                            config_.kl_coef > 0 ? &reference_ : nullptr,
                            minibatch_, is_on_policy, grads);
  }
  // Makes the rollout's log-probs and the old ones those of the trainer.
  void SampleFromWeights() {
    PolicyGradient gradient(
        TinyModel(), config_, kTemperature, 100, [](int64_t) {}, &ops_);
    gradient.ScoreOldLogprobs(weights_, absl::MakeSpan(samples_));
    for (PolicySample& sample : samples_) {
      sample.rollout_logprobs = sample.old_logprobs;
    }
  }
  ParamSet Zeros() const { return ParamSet(params_.shared_layout()); }

  // The loss's gradient by its definition, all samples forward and backward.
  // Also the log-probs, in order.
  ParamSet Plainly(const PackedBatch& batch, std::vector<float>* logprobs) {
    const int64_t R = batch.scored_offsets.back();
    std::vector<float> trainer(R), reference, entropies(R), old, rollout,
        advantages;
    PackedModel model(TinyModel(), &ops_);
    if (config_.kl_coef > 0) {
      reference.resize(R);
      model.Forward(reference_, batch.tokens, false);
      model.Logprobs(reference_, kTemperature, absl::MakeSpan(reference), {});
    }
    for (const PolicySample& s : samples_) {
      old.insert(old.end(), s.old_logprobs.begin(), s.old_logprobs.end());
      rollout.insert(rollout.end(), s.rollout_logprobs.begin(),
                     s.rollout_logprobs.end());
      advantages.insert(advantages.end(), s.sequence.scored(), s.advantage);
    }
    model.Forward(weights_, batch.tokens, true);
    model.Logprobs(weights_, kTemperature, absl::MakeSpan(trainer),
                   absl::MakeSpan(entropies));
    const PolicyLossOutput loss =
        ComputePolicyLoss(config_,
                          {batch.scored_offsets, trainer, old, rollout,
                           reference, entropies, advantages},
                          {static_cast<int64_t>(samples_.size()), R});
    // The embedding is tied to the head: two sums.
    ParamSet grads = Zeros(), apart = Zeros();
    const int embedding = grads.layout().embedding();
    model.Backward(weights_, kTemperature, loss.dlogprobs, loss.dentropies,
                   &grads, {}, {}, apart.tensor(embedding));
    for (size_t i = 0; i < Elements(grads, embedding).size(); ++i) {
      Elements(grads, embedding)[i] += Elements(apart, embedding)[i];
    }
    *logprobs = trainer;
    return grads;
  }
  std::vector<const TrainSequence*> Sequences() const {
    std::vector<const TrainSequence*> sequences;
    for (const PolicySample& s : samples_) sequences.push_back(&s.sequence);
    return sequences;
  }

  static constexpr float kTemperature = 0.7f;
  CountingOps ops_;
  ParamSet params_;
  PolicyWeights weights_, reference_;
  PolicyLossConfig config_;
  std::vector<PolicySample> samples_;
  std::vector<const PolicySample*> minibatch_;
};

// Along the gradient's own direction the loss grows by the gradient's norm.
TEST_F(PolicyGradientTest, GradientIsTheSlopeOfTheLoss) {
  ParamSet grads = Zeros();
  Compute(1 << 20, &grads);
  const double norm = std::sqrt(ops_.SumSquares(grads.flat()));
  const ParamSet start = Clone(params_);
  const auto loss_at = [&](double distance) {
    for (size_t i = 0; i < Flat(start).size(); ++i) {
      Flat(params_)[i] = Flat(start)[i] + distance * Flat(grads)[i] / norm;
    }
    weights_.Assign(params_, &ops_);
    ParamSet unused = Zeros();
    return Compute(1 << 20, &unused).loss;
  };
  // The loss is about 1 and rounds at about 1e-6 in fp32; the distance is
  // chosen so that this and the third-order term stay below 1 %.
  const double h = 3e-3;
  EXPECT_NEAR((loss_at(h) - loss_at(-h)) / (2 * h), norm, 0.01 * norm);
}

// The prompts' rows are summed in another order: some roundings of 2^-24 for
// each of the tokens.
TEST_F(PolicyGradientTest, SharedPromptsDoNotChangeTheGradient) {
  std::vector<float> logprobs;
  const ParamSet want = Plainly(Pack(Sequences()), &logprobs);
  ParamSet got = Zeros();
  const MinibatchGradient result = Compute(1 << 20, &got);
  const double scale = std::sqrt(ops_.SumSquares(want.flat()));
  for (size_t i = 0; i < Flat(want).size(); ++i) {
    ASSERT_NEAR(Flat(got)[i], Flat(want)[i], kTokens * 0x1p-24 * scale) << i;
  }
  EXPECT_EQ(result.tokens, kTokens);
  EXPECT_EQ(result.stats.tokens, kScored);
  // The log-probs are those of whole sequences, to the bit.
  SampleFromWeights();
  std::vector<float> scored;
  for (const PolicySample& sample : samples_) {
    scored.insert(scored.end(), sample.old_logprobs.begin(),
                  sample.old_logprobs.end());
  }
  EXPECT_EQ(scored, logprobs);
}

// Other sums of the same terms, in shards and then in a tree.
TEST_F(PolicyGradientTest, ShardsAddUpToTheMinibatch) {
  std::vector<float> logprobs;
  const ParamSet want = Plainly(Pack(Sequences()), &logprobs);
  ParamSet unused = Zeros();
  const MinibatchGradient whole = Compute(1 << 20, &unused);
  const double scale = std::sqrt(ops_.SumSquares(want.flat()));
  for (const int shards : {1, 2, 4, 8}) {
    SCOPED_TRACE(shards);
    PolicyGradient gradient(
        TinyModel(), config_, kTemperature, 100, [](int64_t) {}, &ops_);
    ShardSums sums(params_.shared_layout(), &ops_);
    sums.Start();
    double loss = 0;
    PolicyLossStats stats;
    for (const std::vector<int>& indices :
         DealGroups(Sequences(), SequenceCost(TinyModel()), shards)) {
      std::vector<const PolicySample*> shard;
      for (int i : indices) shard.push_back(minibatch_[i]);
      if (shard.empty()) {
        sums.SkipNext();
        continue;
      }
      const MinibatchGradient part =
          gradient.ComputeShard(weights_, &reference_, shard,
                                ExtentOf(minibatch_), false, sums.Next());
      loss += part.loss;
      stats.Add(part.stats);
    }
    const ParamSet& got = *sums.Total();
    for (size_t i = 0; i < Flat(want).size(); ++i) {
      ASSERT_NEAR(Flat(got)[i], Flat(want)[i], kTokens * 0x1p-24 * scale) << i;
    }
    // Terms are equal, and added in double.
    EXPECT_NEAR(loss, whole.loss, 1e-12);
    EXPECT_EQ(stats.tokens, whole.stats.tokens);
    EXPECT_NEAR(stats.k3_sum, whole.stats.k3_sum, 1e-12);
    if (shards == 1) {
      EXPECT_EQ(HashParams(got), HashParams(unused));
    }
  }
}

// The largest group has 37 + 4 + 19 + 0 + 11 rows.
TEST_F(PolicyGradientTest, NeitherMicrobatchesNorThreadsChangeBits) {
  ParamSet whole = Zeros();
  const MinibatchGradient a = Compute(1 << 20, &whole);
  const std::string hash = HashParams(whole);
  for (int64_t microbatch_tokens : {1, 20, 41, 42, 60, 70, 71, 75, 100}) {
    for (int threads : {1, 3, 16}) {
      SCOPED_TRACE(testing::Message() << microbatch_tokens << " " << threads);
      CountingOps ops(threads);
      ParamSet cut = Zeros();
      const MinibatchGradient b = Compute(microbatch_tokens, &cut, false, &ops);
      EXPECT_EQ(HashParams(cut), hash);
      EXPECT_EQ(a.loss, b.loss);
      EXPECT_EQ(a.stats.k3_sum, b.stats.k3_sum);
      EXPECT_EQ(a.tokens, b.tokens);
      ASSERT_EQ(a.deviations.size(), b.deviations.size());
      for (size_t i = 0; i < a.deviations.size(); ++i) {
        EXPECT_EQ(a.deviations[i].sample, b.deviations[i].sample);
        EXPECT_EQ(a.deviations[i].nats(), b.deviations[i].nats());
      }
    }
  }
}

// Any part of a group may be in a minibatch.
TEST_F(PolicyGradientTest, PartsOfGroupsAddUp) {
  config_.aggregation = SEQUENCE_SUM_NORM;
  ParamSet whole = Zeros();
  Compute(1 << 20, &whole);
  const std::vector<const PolicySample*> all = minibatch_;
  ParamSet sum = Zeros();
  for (int part = 0; part < 2; ++part) {
    minibatch_.clear();
    for (size_t i = part; i < all.size(); i += 2) {
      minibatch_.push_back(all[i]);
    }
    ParamSet grads = Zeros();
    Compute(60, &grads);
    const float share = static_cast<float>(minibatch_.size()) / all.size();
    for (size_t i = 0; i < Flat(sum).size(); ++i) {
      Flat(sum)[i] += share * Flat(grads)[i];
    }
  }
  const double scale = std::sqrt(ops_.SumSquares(whole.flat()));
  for (size_t i = 0; i < Flat(whole).size(); ++i) {
    ASSERT_NEAR(Flat(whole)[i], Flat(sum)[i], kTokens * 0x1p-24 * scale) << i;
  }
}

TEST_F(PolicyGradientTest, SamplesWithoutGradientGoForwardOnly) {
  config_.kl_coef = config_.entropy_coef = 0;
  // A whole group, and a sample of another.
  for (int s : {0, 1, 2, 5}) samples_[s].advantage = 0;
  const int64_t idle_rows = 6 + 1 + 9 + 20;
  std::vector<float> logprobs;
  const ParamSet want =
      Plainly(PackGroups(Sequences(), 1 << 20)[0].packed, &logprobs);
  for (int64_t microbatch_tokens : {1, 50, 1 << 20}) {
    ops_.forward_rows = ops_.backward_rows = 0;
    ParamSet got = Zeros();
    const MinibatchGradient result = Compute(microbatch_tokens, &got);
    EXPECT_EQ(ops_.backward_rows, kScored - idle_rows);
    for (size_t i = 0; i < Flat(want).size(); ++i) {
      ASSERT_EQ(Flat(got)[i], Flat(want)[i]) << i;  // or zeros of two signs
    }
    // They count like the others.
    EXPECT_EQ(result.stats.tokens, kScored);
    EXPECT_EQ(result.tokens, kTokens);
    EXPECT_EQ(result.deviations.size(), samples_.size());
  }
  // A KL or entropy term gives them a gradient.
  for (double* coefficient : {&config_.kl_coef, &config_.entropy_coef}) {
    *coefficient = 0.1;
    ops_.backward_rows = 0;
    ParamSet grads = Zeros();
    Compute(100, &grads);
    EXPECT_EQ(ops_.backward_rows, kScored);
    *coefficient = 0;
  }
}

TEST_F(PolicyGradientTest, LogprobsThatAreKnownNeedNoPass) {
  SampleFromWeights();
  ParamSet computed = Zeros(), known = Zeros();
  ops_.forward_rows = 0;
  const MinibatchGradient a = Compute(70, &computed);
  EXPECT_EQ(ops_.forward_rows, 2 * kScored);
  ops_.forward_rows = 0;
  const MinibatchGradient b = Compute(70, &known, /*is_on_policy=*/true);
  EXPECT_EQ(ops_.forward_rows, kScored) << "of the reference";
  EXPECT_EQ(HashParams(computed), HashParams(known));
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.stats.ratio_sum, b.stats.ratio_sum);
  EXPECT_EQ(a.stats.k3_sum, b.stats.k3_sum);
  EXPECT_EQ(a.stats.entropy_sum, b.stats.entropy_sum);
  EXPECT_GT(b.stats.entropy_sum, 0);
  EXPECT_TRUE(b.deviations.empty());

  // Where they are not what was said, the result tells.
  samples_[3].rollout_logprobs[0] += 0.25f;
  samples_[3].old_logprobs = samples_[3].rollout_logprobs;
  const MinibatchGradient c = Compute(70, &computed);
  const MinibatchGradient d = Compute(70, &known, /*is_on_policy=*/true);
  ASSERT_EQ(d.deviations.size(), 1u);
  EXPECT_EQ(d.deviations[0].sample, &samples_[3]);
  EXPECT_NEAR(d.deviations[0].nats(), 0.25, 1e-6);
  EXPECT_EQ(c.loss, d.loss);
}

TEST_F(PolicyGradientTest, FindsWhereSamplesDeviateMost) {
  SampleFromWeights();
  ParamSet grads = Zeros();
  EXPECT_TRUE(Compute(20, &grads).deviations.empty());
  PolicyGradient gradient(
      TinyModel(), config_, kTemperature, 20, [](int64_t) {}, &ops_);
  EXPECT_TRUE(
      gradient.ScoreOldLogprobs(weights_, absl::MakeSpan(samples_)).empty());
  samples_[5].rollout_logprobs[0] += 0.125f;
  samples_[5].rollout_logprobs[1] += 0.25f;
  const MinibatchGradient result = Compute(20, &grads);
  ASSERT_EQ(result.deviations.size(), 1u);
  const Deviation& d = result.deviations[0];
  EXPECT_NEAR(d.nats(), 0.25, 1e-6);
  EXPECT_EQ(d.sample, &samples_[5]);
  EXPECT_EQ(d.token, 1);
  EXPECT_EQ(d.rollout, samples_[5].rollout_logprobs[1]);
  EXPECT_EQ(d.trainer, samples_[5].old_logprobs[1]);
  const auto scored =
      gradient.ScoreOldLogprobs(weights_, absl::MakeSpan(samples_));
  ASSERT_EQ(scored.size(), 1u);
  EXPECT_EQ(scored[0].nats(), d.nats());
}

}  // namespace
}  // namespace r1
