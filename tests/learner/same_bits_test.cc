// The bits of a training belong to the instruction set alone: not to the
// compiler, nor to the versions of libm and Highway. A change of a kernel's
// order changes the hashes here, and with them those of every run.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "learner/optimizer.h"
#include "learner/policy_gradient.h"
#include "learner/supervised.h"
#include "learner/training_state.h"
#include "tests/kernels/op_test_util.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

constexpr int kTokens = 48;
constexpr int kPromptTokens = 8;

ModelConfig SmallModel() {
  ModelConfig config;
  config.vocab_size = 131;
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  config.max_positions = kTokens;
  config.tie_embeddings = true;
  return config;
}

TrainSequence RandomTokens(uint64_t index) {
  RandomSequence random(1, RandomStream::kData, index, 0);
  TrainSequence sequence;
  for (int i = 0; i < kTokens; ++i) {
    sequence.tokens.push_back(random.NextBelow(SmallModel().vocab_size));
  }
  return sequence;
}

// Three supervised updates under a cosine schedule.
TrainingState Pretrain(Ops* ops) {
  const ModelConfig config = SmallModel();
  ParamSet params(std::make_shared<ParamLayout>(config));
  InitializeParams(1, &params);
  SupervisedSection section;
  section.set_steps(3);
  section.set_batch_tokens(4 * kTokens);
  section.set_learning_rate(0.01f);
  section.set_warmup_steps(1);
  SupervisedTrainer trainer(
      "pretrain", section,
      {[](uint64_t index) -> absl::StatusOr<TrainSequence> {
        return RandomTokens(index);
      }},
      ops, nullptr, StartTraining(config, std::move(params), false, ops));
  for (int step = 0; step < 3; ++step) {
    const auto metrics = trainer.Step();
    EXPECT_TRUE(metrics.ok()) << metrics.status();
  }
  return std::move(trainer).ReleaseState();
}

// Two updates of policy gradient with a KL term to the first weights.
TrainingState Reinforce(const TrainingState& pretrained, Ops* ops) {
  const ModelConfig config = SmallModel();
  TrainingState state =
      StartTraining(config, Clone(pretrained.params), true, ops);
  ParamSet grads(state.params.shared_layout());
  std::vector<PolicySample> samples(6);  // two of each prompt
  for (size_t s = 0; s < samples.size(); ++s) {
    samples[s].sequence = RandomTokens(100 + s);
    const TrainSequence prompt = RandomTokens(100 + s / 2 * 2);
    std::copy_n(prompt.tokens.begin(), kPromptTokens,
                samples[s].sequence.tokens.begin());
    samples[s].sequence.first_scored = kPromptTokens;
    samples[s].rollout_logprobs.assign(samples[s].sequence.scored(), -4.9f);
    samples[s].old_logprobs = samples[s].rollout_logprobs;
    samples[s].advantage = s % 2 ? 1 : -0.5;
  }
  std::vector<const PolicySample*> minibatch;
  for (const PolicySample& sample : samples) minibatch.push_back(&sample);
  PolicyLossConfig loss;
  loss.kl_coef = 0.1;
  PolicyGradient gradient(
      config, loss, /*temperature=*/0.7f, /*microbatch_tokens=*/4 * kTokens,
      [](int64_t) {}, ops);
  OptimizerConfig optimizer;
  optimizer.schedule.peak = 0.01;
  optimizer.max_grad_norm = 1;
  for (int step = 0; step < 2; ++step) {
    SetZero(grads);
    const MinibatchGradient minibatch_gradient =
        gradient.Compute(*state.weights, state.reference.get(), minibatch,
                         /*is_on_policy=*/false, &grads);
    ApplyUpdate(optimizer, minibatch_gradient.loss, grads, ops,
                &state.optimizer, &state.params);
    RenewWeights(ops, &state);
  }
  return state;
}

class SameBitsTest : public OnEveryTarget {};
R1_INSTANTIATE_ON_EVERY_TARGET(SameBitsTest);

struct Hashes {
  std::string pretrained, trained;
};

TEST_P(SameBitsTest, OfATraining) {
  const std::map<std::string, Hashes> hashes = {
      {"AVX3",
       {"28e181237703ed856984c0a2096ec00aed16add589db05285a8b6b37fb88dcf5",
        "db0f7a4a3c9a8e07300daa3640a2508f5e5af058963de2aa545eae9e048ce961"}},
      {"AVX2",
       {"ede9b431f40b0ef0759ee002de412f9597ea58245da5b15c1f15a817ddce34df",
        "ff9d96fbd196715de7802d792207d701bf5ac4a5a9781eff1da4bd14fffcca3f"}},
      {"SCALAR",
       {"60c368cb2df2108a2c0c9a9a42ba1fa9c2ebeee22223af02b7d812c4c7518887",
        "276c265a5e1c377a9ab59e19f26513d54fd23a3419ce9b4b37ff3e830c6012e4"}}};
  const std::unique_ptr<Ops> ops = MakeCpuOps(2);
  const TrainingState pretrained = Pretrain(ops.get());
  const TrainingState trained = Reinforce(pretrained, ops.get());
  const auto expected = hashes.find(CpuTargetName());
  ASSERT_NE(expected, hashes.end()) << CpuTargetName();
  EXPECT_EQ(HashParams(pretrained.params), expected->second.pretrained);
  EXPECT_EQ(HashParams(trained.params), expected->second.trained);
}

}  // namespace
}  // namespace r1
