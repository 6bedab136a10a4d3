#include "model/param_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using testing::ElementsAre;

ModelConfig SmallConfig(const std::string& model_type, bool is_tied) {
  ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 37;
  c.hidden_size = 12;
  c.intermediate_size = 20;
  c.num_layers = 2;
  c.num_heads = 3;
  c.num_kv_heads = 1;
  c.head_dim = 4;
  c.max_positions = 16;
  c.tie_embeddings = is_tied;
  return c;
}

std::vector<std::string> Names(const ModelConfig& config) {
  const ParamLayout layout(config);
  std::vector<std::string> names;
  for (const TensorSpec& t : layout.tensors()) {
    names.push_back(absl::StrCat(t.name, " ", t.rows, " ", t.cols));
  }
  return names;
}

// Names and shapes as transformers 5 stores them for these sizes.
TEST(ParamLayout, HasTheTensorsOfLlama) {
  ModelConfig config = SmallConfig("llama", false);
  config.num_layers = 1;
  EXPECT_THAT(Names(config),
              ElementsAre("model.embed_tokens.weight 37 12",
                          "model.layers.0.input_layernorm.weight 12 0",
                          "model.layers.0.self_attn.q_proj.weight 12 12",
                          "model.layers.0.self_attn.k_proj.weight 4 12",
                          "model.layers.0.self_attn.v_proj.weight 4 12",
                          "model.layers.0.self_attn.o_proj.weight 12 12",
                          "model.layers.0.post_attention_layernorm.weight 12 0",
                          "model.layers.0.mlp.gate_proj.weight 20 12",
                          "model.layers.0.mlp.up_proj.weight 20 12",
                          "model.layers.0.mlp.down_proj.weight 12 20",
                          "model.norm.weight 12 0", "lm_head.weight 37 12"));
}

TEST(ParamLayout, FamiliesDifferByBiasesAndNorms) {
  const ParamLayout qwen2(SmallConfig("qwen2", true));
  const ParamLayout qwen3(SmallConfig("qwen3", true));
  EXPECT_EQ(qwen2.tensors().size(), 1 + 2 * 12 + 1);
  EXPECT_EQ(qwen3.tensors().size(), 1 + 2 * 11 + 1);
  const TensorSpec& bias = qwen2.tensor(qwen2.layer(1).k_bias);
  EXPECT_EQ(bias.name, "model.layers.1.self_attn.k_proj.bias");
  EXPECT_EQ(bias.count(), 4);
  EXPECT_FALSE(bias.is_decayed);
  EXPECT_EQ(qwen2.layer(1).q_norm, -1);
  EXPECT_EQ(qwen3.layer(0).q_bias, -1);
  EXPECT_EQ(qwen3.tensor(qwen3.layer(0).k_norm).name,
            "model.layers.0.self_attn.k_norm.weight");
}

TEST(ParamLayout, ATiedHeadIsTheEmbedding) {
  const ParamLayout tied(SmallConfig("llama", true));
  EXPECT_EQ(tied.head(), tied.embedding());
  EXPECT_EQ(tied.Find("lm_head.weight"), -1);
  const ParamLayout untied(SmallConfig("llama", false));
  EXPECT_EQ(untied.head(), untied.Find("lm_head.weight"));
}

TEST(ParamLayout, TensorsAreAlignedAndApart) {
  const ParamLayout layout(SmallConfig("qwen2", false));
  int64_t end = 0;
  for (const TensorSpec& t : layout.tensors()) {
    EXPECT_EQ(t.offset % 16, 0) << t.name;
    EXPECT_GE(t.offset, end) << t.name;
    EXPECT_LT(t.offset - end, 16) << t.name;
    EXPECT_EQ(t.is_decayed, t.cols > 0) << t.name;
    end = t.offset + t.count();
  }
  EXPECT_GE(layout.count(), end);
}

TEST(InitializeParams, HasTheStatedDistribution) {
  ModelConfig config = SmallConfig("qwen2", false);
  config.vocab_size = 2000;
  config.hidden_size = 64;
  config.intermediate_size = 600;
  ParamSet params(std::make_shared<ParamLayout>(config));
  for (float& p : Flat(params)) p = 9;  // what was there must not stay
  InitializeParams(1, &params);
  const ParamLayout& layout = params.layout();
  for (int i = 0; i < static_cast<int>(layout.tensors().size()); ++i) {
    const std::string& name = layout.tensor(i).name;
    const auto values = Elements(params, i);
    if (absl::EndsWith(name, "bias") || layout.tensor(i).cols == 0) {
      const float want = absl::EndsWith(name, "bias") ? 0 : 1;
      for (float v : values) ASSERT_EQ(v, want) << name;
      continue;
    }
    const bool is_output = absl::EndsWith(name, "o_proj.weight") ||
                           absl::EndsWith(name, "down_proj.weight");
    const double std = is_output ? 0.02 / 2 : 0.02;  // 1 / sqrt(2 L), L = 2
    const double n = values.size();
    double sum = 0, squares = 0, fourth = 0;
    for (double v : values) {
      sum += v;
      squares += v * v;
      fourth += v * v * v * v;
    }
    // 5 standard errors: of the mean std / sqrt(n), of the variance
    // std^2 sqrt(2 / n); the kurtosis of a normal is 3 with error sqrt(24 / n).
    EXPECT_NEAR(sum / n, 0, 5 * std / std::sqrt(n)) << name;
    EXPECT_NEAR(squares / n / (std * std), 1, 5 * std::sqrt(2 / n)) << name;
    const double kurtosis = fourth * n / (squares * squares);
    EXPECT_NEAR(kurtosis, 3, 5 * std::sqrt(24 / n)) << name;
  }
}

TEST(InitializeParams, IsAFunctionOfLayoutAndSeed) {
  const auto layout =
      std::make_shared<ParamLayout>(SmallConfig("llama", false));
  ParamSet a(layout), b(layout), c(layout);
  InitializeParams(5, &a);
  InitializeParams(5, &b);
  InitializeParams(6, &c);
  EXPECT_EQ(HashParams(a), HashParams(b));
  EXPECT_NE(HashParams(a), HashParams(c));
  // No two tensors share their draws.
  std::set<float> first;
  for (int i = 0; i < static_cast<int>(layout->tensors().size()); ++i) {
    if (layout->tensor(i).cols > 0) first.insert(Elements(a, i)[0]);
  }
  EXPECT_EQ(first.size(), 2 + 2 * 7);
}

TEST(HashParams, IsTheDigestOfNamesShapesAndBytes) {
  ModelConfig config = SmallConfig("llama", false);
  config.num_layers = 1;
  ParamSet params(std::make_shared<ParamLayout>(config));
  InitializeParams(2, &params);
  std::string bytes;
  for (const char* name :
       {"lm_head.weight", "model.embed_tokens.weight",
        "model.layers.0.input_layernorm.weight",
        "model.layers.0.mlp.down_proj.weight",
        "model.layers.0.mlp.gate_proj.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.post_attention_layernorm.weight",
        "model.layers.0.self_attn.k_proj.weight",
        "model.layers.0.self_attn.o_proj.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.self_attn.v_proj.weight", "model.norm.weight"}) {
    const int index = params.layout().Find(name);
    ASSERT_GE(index, 0) << name;
    const TensorSpec& t = params.layout().tensor(index);
    absl::StrAppend(&bytes, name, " ", t.rows, " ", t.cols, "\n");
    const auto values = Elements(params, index);
    bytes.append(reinterpret_cast<const char*>(values.data()),
                 values.size() * 4);
  }
  EXPECT_EQ(HashParams(params), Sha256Hex(bytes));
}

TEST(HashParams, IgnoresPaddingAndSeesEveryElement) {
  ParamSet params(std::make_shared<ParamLayout>(SmallConfig("qwen3", true)));
  InitializeParams(2, &params);
  const std::string hash = HashParams(params);
  const TensorSpec& norm =
      params.layout().tensor(params.layout().layer(0).q_norm);
  Flat(params)[norm.offset + norm.count()] = 7;  // padding
  EXPECT_EQ(HashParams(params), hash);
  Flat(params)[norm.offset + norm.count() - 1] = -0.0f;
  const std::string changed = HashParams(params);
  EXPECT_NE(changed, hash);
  Flat(params)[norm.offset + norm.count() - 1] = 0.0f;
  EXPECT_NE(HashParams(params), changed);  // bits count, not values
}

TEST(ParamSet, CloneIsApart) {
  ParamSet params(std::make_shared<ParamLayout>(SmallConfig("llama", true)));
  InitializeParams(3, &params);
  ParamSet copy = Clone(params);
  EXPECT_EQ(HashParams(copy), HashParams(params));
  SetZero(copy);
  EXPECT_NE(HashParams(copy), HashParams(params));
  for (float v : Flat(copy)) EXPECT_EQ(v, 0);
}

}  // namespace
}  // namespace r1
