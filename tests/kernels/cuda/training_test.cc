// Training on the emulated device: supervised, by policy gradient and of
// adapters; its bits belong to the device alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/philox.h"
#include "kernels/cuda/cuda_device.h"
#include "learner/optimizer.h"
#include "learner/policy_gradient.h"
#include "learner/supervised.h"
#include "learner/training_state.h"
#include "tests/kernels/cuda/device_test_util.h"
#include "tests/model/host_params.h"

namespace r1::cuda {
namespace {

constexpr int kTokens = 48;
constexpr int kPromptTokens = 8;

ModelConfig SmallModel() {
  ModelConfig config;
  config.model_type = "qwen3";
  config.vocab_size = 131;
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  config.max_positions = kTokens;
  config.tie_embeddings = true;
  config.weights_dtype = DType::kBF16;
  return config;
}

TrainSequence RandomSequenceOf(uint64_t index) {
  RandomSequence random(1, RandomStream::kData, index, 0);
  TrainSequence sequence;
  for (int i = 0; i < kTokens; ++i) {
    sequence.tokens.push_back(random.NextBelow(SmallModel().vocab_size));
  }
  return sequence;
}

// Three supervised updates.
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
        return RandomSequenceOf(index);
      }},
      ops, nullptr, StartTraining(config, std::move(params), false, ops));
  for (int step = 0; step < 3; ++step) {
    const auto metrics = trainer.Step();
    EXPECT_TRUE(metrics.ok()) << metrics.status();
  }
  return std::move(trainer).ReleaseState();
}

// Two updates of policy gradient from `state` on, with a KL term to its
// reference.
void Reinforce(Ops* ops, TrainingState* state) {
  ParamSet sums(state->params.shared_layout(), ops->device());
  std::vector<PolicySample> samples(6);  // two of each prompt
  for (size_t s = 0; s < samples.size(); ++s) {
    samples[s].sequence = RandomSequenceOf(100 + s);
    const TrainSequence prompt = RandomSequenceOf(100 + s / 2 * 2);
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
      SmallModel(), loss, /*temperature=*/0.7f,
      /*microbatch_tokens=*/4 * kTokens, [](int64_t) {}, ops);
  OptimizerConfig optimizer;
  optimizer.schedule.peak = 0.01;
  optimizer.max_grad_norm = 1;
  for (int step = 0; step < 2; ++step) {
    ops->Fill(0, sums.flat());
    const MinibatchGradient minibatch_gradient =
        gradient.Compute(*state->weights, state->reference.get(), minibatch,
                         /*is_on_policy=*/false, GradientsOf(*state, &sums));
    ApplyUpdate(optimizer, minibatch_gradient.loss, sums, ops,
                &state->optimizer, &state->params);
    RenewWeights(ops, state);
  }
}

struct Trained {
  std::vector<float> pretrained, reinforced, first_adapters, adapters;
};

std::vector<float> AllOf(const ParamSet& params) {
  std::vector<float> values(params.flat().count());
  params.device()->Read(params.flat(), 0, absl::MakeSpan(values));
  return values;
}

Trained TrainOn(Device* device) {
  const auto ops = device->MakeOps(1);
  const ModelConfig config = SmallModel();
  const TrainingState pretrained = Pretrain(ops.get());
  Trained trained;
  trained.pretrained = AllOf(pretrained.params);
  ParamSet copy(pretrained.params.shared_layout());
  device->Read(pretrained.params.flat(), 0, Flat(copy));
  {
    TrainingState state =
        StartTraining(config, Clone(copy), /*with_reference=*/true, ops.get());
    Reinforce(ops.get(), &state);
    trained.reinforced = AllOf(state.params);
  }
  const LoraConfig lora = {4, 8, {LoraTargets().begin(), LoraTargets().end()}};
  TrainingState state = StartLora(lora, /*seed=*/3, "base", config, copy,
                                  /*with_reference=*/true, ops.get());
  trained.first_adapters = AllOf(state.params);
  Reinforce(ops.get(), &state);
  trained.adapters = AllOf(state.params);
  return trained;
}

// The cosine of the angle between two ways, from `a` to `b` and from `c` to
// `d`.
double Cosine(const std::vector<float>& a, const std::vector<float>& b,
              const std::vector<float>& c, const std::vector<float>& d) {
  double dot = 0, ab = 0, cd = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = double{b[i]} - a[i], y = double{d[i]} - c[i];
    dot += x * y;
    ab += x * x;
    cd += y * y;
  }
  return dot / std::sqrt(ab * cd);
}

// AdamW moves a parameter by about the learning rate in the direction of its
// gradient's sign, so that the smallest gradients may go either way.
TEST(CudaTrainingTest, GoesWhereTheCpuGoesAndRepeatsItsBits) {
  const Trained cpu = TrainOn(CpuDevice());
  CudaDevice device(OpenForTest(0)), other(OpenForTest(3));
  const Trained first = TrainOn(&device), second = TrainOn(&other);
  EXPECT_EQ(first.pretrained, second.pretrained);
  EXPECT_EQ(first.reinforced, second.reinforced);
  EXPECT_EQ(first.adapters, second.adapters);

  ParamSet params(std::make_shared<ParamLayout>(SmallModel()));
  InitializeParams(1, &params);
  const std::vector<float> start = AllOf(params);
  EXPECT_GT(Cosine(start, cpu.pretrained, start, first.pretrained), 0.9);
  EXPECT_GT(Cosine(cpu.pretrained, cpu.reinforced, first.pretrained,
                   first.reinforced),
            0.5);
  EXPECT_EQ(first.first_adapters, cpu.first_adapters);
  EXPECT_GT(Cosine(cpu.first_adapters, cpu.adapters, cpu.first_adapters,
                   first.adapters),
            0.5);
}

}  // namespace
}  // namespace r1::cuda
