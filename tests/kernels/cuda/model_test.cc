// A model on the emulated device: against the CPU by tolerance, and the bits of
// the sampler against those of the trainer.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/cuda_device.h"
#include "model/packed_model.h"
#include "rollout/engine.h"
#include "tests/kernels/cuda/device_test_util.h"
#include "tests/model/host_params.h"
#include "tests/rollout/tiny_model.h"

namespace r1::cuda {
namespace {

ModelConfig SmallModel(const std::string& model_type) {
  ModelConfig config;
  config.model_type = model_type;
  config.vocab_size = 131;
  config.hidden_size = 40;
  config.intermediate_size = 72;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  config.max_positions = 160;
  config.tie_embeddings = true;
  config.eos_token_ids = {0};
  config.weights_dtype = DType::kBF16;
  return config;
}

// The same model on a device.
struct DeviceModel {
  DeviceModel(const ModelConfig& config, Device* device)
      : ops(device->MakeOps(1)),
        weights(config, device),
        params(TinyParams(config, 3).MovedTo(device)) {
    weights.Assign(params, ops.get());
  }

  std::unique_ptr<Ops> ops;
  PolicyWeights weights;
  ParamSet params;
};

class CudaModelTest : public testing::TestWithParam<std::string> {
 protected:
  CudaModelTest() : config_(SmallModel(GetParam())), device_(OpenForTest(0)) {}

  const ModelConfig config_;
  CudaDevice device_;
};

INSTANTIATE_TEST_SUITE_P(Families, CudaModelTest,
                         testing::Values("llama", "qwen2", "qwen3"),
                         [](const auto& info) { return info.param; });

// Samples of two prompts, one of which they share, and a whole sequence.
PackedTokens MakeBatch(const ModelConfig& config) {
  PackedTokens batch;
  std::vector<std::vector<int32_t>> samples;
  for (int i = 0; i < 3; ++i) {
    samples.push_back(RandomTokens(config, 7, 37));
    const auto own = RandomTokens(config, 100 + i, 5 + 20 * i);
    samples.back().insert(samples.back().end(), own.begin(), own.end());
  }
  batch.AppendGroup({samples[0], samples[1], samples[2]}, 37);
  batch.Append(RandomTokens(config, 8, 70), 3);
  return batch;
}

struct Training {
  std::vector<float> logprobs, entropies, gradient;
};

Training Train(const ModelConfig& config, Device* device) {
  DeviceModel m(config, device);
  const PackedTokens batch = MakeBatch(config);
  const size_t rows = batch.scored_rows.size();
  Training t;
  t.logprobs.resize(rows);
  t.entropies.resize(rows);
  std::vector<float> dlogprobs(rows), dentropies(rows, 0.01f);
  for (size_t i = 0; i < rows; ++i) dlogprobs[i] = i % 3 ? 0.02f : -0.01f;
  ParamSet grads(m.params.shared_layout(), device);
  PackedModel model(config, m.ops.get());
  model.Forward(m.weights, batch, true);
  model.Logprobs(m.weights, 0.9f, absl::MakeSpan(t.logprobs), {});
  std::vector<float> again(rows);
  model.Backward(m.weights, 0.9f, dlogprobs, dentropies, &grads,
                 absl::MakeSpan(again), absl::MakeSpan(t.entropies));
  EXPECT_EQ(again, t.logprobs);
  t.gradient.resize(grads.flat().count());
  device->Read(grads.flat(), 0, absl::MakeSpan(t.gradient));
  return t;
}

// Activations are rounded to bf16 on the device, and not on the CPU: some 10
// roundings of 2^-8 a layer, relative to logits of a few units.
TEST_P(CudaModelTest, ScoresAndGradientsAreThoseOfTheCpu) {
  const Training cpu = Train(config_, CpuDevice());
  const Training gpu = Train(config_, &device_);
  ASSERT_EQ(cpu.logprobs.size(), gpu.logprobs.size());
  double squares = 0;
  for (size_t i = 0; i < cpu.logprobs.size(); ++i) {
    ASSERT_NEAR(gpu.logprobs[i], cpu.logprobs[i], 0.25) << i;
    ASSERT_NEAR(gpu.entropies[i], cpu.entropies[i], 0.25) << i;
    const double error = gpu.logprobs[i] - cpu.logprobs[i];
    squares += error * error;
  }
  EXPECT_LT(std::sqrt(squares / cpu.logprobs.size()), 0.05);
  double dot = 0, cpu_norm = 0, gpu_norm = 0;
  for (size_t i = 0; i < cpu.gradient.size(); ++i) {
    dot += double{cpu.gradient[i]} * gpu.gradient[i];
    cpu_norm += double{cpu.gradient[i]} * cpu.gradient[i];
    gpu_norm += double{gpu.gradient[i]} * gpu.gradient[i];
  }
  EXPECT_GT(dot / std::sqrt(cpu_norm * gpu_norm), 0.999);
  EXPECT_NEAR(std::sqrt(gpu_norm / cpu_norm), 1, 0.01);
}

TEST_P(CudaModelTest, AnotherRunHasTheSameBits) {
  const Training first = Train(config_, &device_);
  CudaDevice other(OpenForTest(5));
  const Training second = Train(config_, &other);
  EXPECT_EQ(first.logprobs, second.logprobs);
  EXPECT_EQ(first.entropies, second.entropies);
  EXPECT_EQ(first.gradient, second.gradient);
}

// Prompts in chunks, decoding in a batch with shared pages, and one packed pass
// over it all give a token one log-prob.
TEST_P(CudaModelTest, TheSamplerHasTheBitsOfTheTrainer) {
  DeviceModel m(config_, &device_);
  EngineOptions options;
  options.max_batch = 5;
  options.prefill_tokens = 40;
  options.kv_pages = 40;
  Engine engine(config_, nullptr, m.ops.get(), options);
  SamplingParams sampling;
  sampling.set_temperature(0.8f);
  sampling.set_top_p(0.9f);
  sampling.set_max_new_tokens(20);
  std::vector<EngineRequest> requests;
  for (const int length : {1, 32, 61}) {
    const auto prompt = std::make_shared<const std::vector<int32_t>>(
        RandomTokens(config_, length, length));
    for (uint32_t sample = 0; sample < 2; ++sample) {
      requests.push_back({requests.size(), prompt, /*seed=*/7,
                          static_cast<uint64_t>(length), sample, sampling});
      ASSERT_TRUE(engine.Add(requests.back()).ok());
    }
  }
  std::vector<Finished> done;
  while (!engine.idle()) engine.Step(m.weights, &done);
  std::map<uint64_t, Trajectory> results;
  for (Finished& f : done) {
    ASSERT_TRUE(f.status.ok()) << f.status;
    results[f.key] = std::move(f.trajectory);
  }
  PackedTokens batch;
  std::vector<float> expected;
  for (const EngineRequest& r : requests) {
    const Trajectory& t = results.at(r.key);
    std::vector<int32_t> sequence = *r.prompt;
    sequence.insert(sequence.end(), t.tokens().begin(), t.tokens().end());
    batch.Append(sequence, r.prompt->size());
    expected.insert(expected.end(), t.logprobs().begin(), t.logprobs().end());
  }
  PackedModel model(config_, m.ops.get());
  model.Forward(m.weights, batch, false);
  std::vector<float> scored(batch.scored_rows.size());
  model.Logprobs(m.weights, 0.8f, absl::MakeSpan(scored), {});
  ASSERT_GT(scored.size(), 60);
  EXPECT_EQ(scored, expected);
}

}  // namespace
}  // namespace r1::cuda
