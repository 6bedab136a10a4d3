#include "model/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/ops.h"
#include "model/packed_model.h"
#include "model/weights.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

ModelConfig Shape(const char* family, bool is_tied) {
  ModelConfig c;
  c.model_type = family;
  c.vocab_size = 500;
  c.hidden_size = 48;
  c.intermediate_size = 130;
  c.num_layers = 3;
  c.num_heads = 6;
  c.num_kv_heads = 2;
  c.head_dim = 8;
  c.max_positions = 256;
  c.tie_embeddings = is_tied;
  return c;
}

// Buffers are the oracle: what is planned is what they hold.
TEST(MemoryPlanTest, WeightsAndKeysAreExact) {
  for (const char* family : {"llama", "qwen2", "qwen3"}) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      for (const bool is_tied : {false, true}) {
        ModelConfig config = Shape(family, is_tied);
        config.weights_dtype = dtype;
        const int64_t before = Buffer::LiveBytes();
        const PolicyWeights weights(config, CpuDevice());
        EXPECT_EQ(Buffer::LiveBytes() - before,
                  WeightsBytes(config, *CpuDevice()))
            << family;
      }
    }
  }
  const ModelConfig config = Shape("llama", true);
  const int64_t before = Buffer::LiveBytes();
  const KvCache cache(config, 17, CpuDevice());
  EXPECT_EQ(Buffer::LiveBytes() - before, KvBytes(config, 17));
}

// Never less than what a batch of so many rows takes, and not twice as much.
TEST(MemoryPlanTest, ABatchTakesWhatIsPlanned) {
  constexpr int64_t kRows = 600;
  for (const char* family : {"llama", "qwen3"}) {
    for (const Keep keep : {Keep::kAll, Keep::kNoGateUp, Keep::kLayerInputs}) {
      for (const bool is_trained : {false, true}) {
        SCOPED_TRACE(
            absl::StrCat(family, " ", static_cast<int>(keep), " ", is_trained));
        const ModelConfig config = Shape(family, true);
        const auto layout = std::make_shared<const ParamLayout>(config);
        ParamSet params(layout), grads(layout);
        InitializeParams(1, &params);
        const auto setup = MakeCpuOps(1);
        const auto weights = MakePolicyWeights(config, params, setup.get());
        PackedTokens batch;
        const std::vector<int32_t> sequence(50, 7);
        for (int i = 0; i < kRows / 50; ++i) batch.Append(sequence, 1);
        const int64_t scored = batch.scored_rows.size();
        std::vector<float> logprobs(scored), ones(scored, 1.0f);
        PackedModel first(config, setup.get());  // holds the rotary table

        const int64_t before = Buffer::LiveBytes();
        const auto ops = MakeCpuOps(1);
        PackedModel model(config, ops.get(), keep);
        model.Forward(*weights, batch, is_trained);
        model.Logprobs(*weights, 1, absl::MakeSpan(logprobs),
                       absl::MakeSpan(logprobs));
        if (is_trained) {
          // Scored by the same object, as a reference is.
          model.Backward(*weights, 1, ones, ones, &grads,
                         absl::MakeSpan(logprobs), {});
          model.Forward(*weights, batch, false);
        }
        const int64_t taken = Buffer::LiveBytes() - before;
        const int64_t planned =
            PackedModelBytes(config, kRows, keep, is_trained);
        EXPECT_LE(taken, planned);
        EXPECT_GE(2 * taken, planned);
      }
    }
  }
}

TEST(MemoryPlanTest, WhatDoesNotFitIsToldInATable) {
  MemoryPlan plan;
  plan.lines = {{"weights", int64_t{3} << 30, "fp32"},
                {"gradients", int64_t{512} << 20, "of all"}};
  EXPECT_TRUE(plan.Fits(int64_t{4} << 30).ok());
  const absl::Status status = plan.Fits(int64_t{3} << 30);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  for (const char* part : {"needs about 3.5 GiB", "there are 3 GiB", "weights",
                           "gradients", "512 MiB  of all", "in all"}) {
    EXPECT_THAT(status.message(), HasSubstr(part));
  }
}

}  // namespace
}  // namespace r1
