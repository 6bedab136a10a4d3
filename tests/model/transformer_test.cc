// The transformer, forward and backward, against a double-precision oracle,
// and its invariances, bit for bit.
#include "model/transformer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>

#include "absl/strings/match.h"
#include "base/philox.h"
#include "model/packed_model.h"
#include "tests/reference/transformer.h"

namespace r1 {
namespace {

ModelConfig TinyConfig(const std::string& model_type, bool is_tied) {
  ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 37;
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = model_type == "qwen3" ? 10 : 6;
  c.max_positions = 128;
  c.tie_embeddings = is_tied;
  return c;
}

// Random weights of a size at which attention and gates do not degenerate.
ParamSet RandomParams(const ModelConfig& config) {
  ParamSet params(std::make_shared<ParamLayout>(config));
  RandomSequence random(11, RandomStream::kInit, 0, 0);
  for (float& p : params.flat()) p = 0.3f * random.NextNormal();
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    if (absl::StrContains(params.layout().tensor(i).name, "norm")) {
      for (float& p : params.Elements(i)) p += 1;
    }
  }
  return params;
}

std::vector<int32_t> RandomTokens(int count, int vocab, int seed) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = random.NextBelow(vocab);
  return tokens;
}

struct Case {
  const char* model_type;
  bool is_tied;
};

class TransformerTest : public testing::TestWithParam<Case> {
 protected:
  TransformerTest()
      : config_(TinyConfig(GetParam().model_type, GetParam().is_tied)),
        ops_(MakeCpuOps(2)),
        params_(RandomParams(config_)),
        weights_(config_) {
    weights_.Assign(params_, ops_.get());
    sequences_ = {RandomTokens(5, 37, 1), RandomTokens(41, 37, 2),
                  RandomTokens(1, 37, 3), RandomTokens(34, 37, 4)};
    for (const auto& s : sequences_) batch_.Append(s, s.size() > 9 ? 7 : 1);
  }

  ModelConfig config_;
  std::unique_ptr<Ops> ops_;
  ParamSet params_;
  PolicyWeights weights_;
  std::vector<std::vector<int32_t>> sequences_;
  PackedTokens batch_;
};

constexpr float kTemperature = 0.8f;

TEST_P(TransformerTest, LogprobsEqualTheOracle) {
  PackedModel model(config_, ops_.get());
  model.Forward(weights_, batch_, false);
  std::vector<float> logprobs(batch_.scored_rows.size());
  model.Logprobs(weights_, kTemperature, absl::MakeSpan(logprobs), {});
  const reference::Params params = reference::ToDouble(params_);
  size_t r = 0;
  for (const auto& s : sequences_) {
    const auto logits = reference::Logits(config_, params, s);
    for (size_t i = s.size() > 9 ? 7 : 1; i < s.size(); ++i) {
      // Logits of order 1 pass through ~10 sums of up to 40 terms in fp32.
      EXPECT_NEAR(logprobs[r++],
                  reference::LogProb(logits[i - 1], s[i], kTemperature), 1e-4);
    }
  }
  EXPECT_EQ(r, logprobs.size());
}

TEST_P(TransformerTest, GradientEqualsFiniteDifferencesOfTheOracle) {
  // Loss = sum_r c_r logprob_r with fixed random c.
  const size_t R = batch_.scored_rows.size();
  std::vector<float> c(R), logprobs(R);
  RandomSequence random(4, RandomStream::kData, 1, 0);
  for (float& v : c) v = random.NextNormal();
  PackedModel model(config_, ops_.get());
  ParamSet grads(params_.shared_layout());
  model.Forward(weights_, batch_, true);
  model.Backward(weights_, kTemperature, c, {}, &grads,
                 absl::MakeSpan(logprobs), {});

  reference::Params params = reference::ToDouble(params_);
  const auto loss = [&] {
    double sum = 0;
    size_t r = 0;
    for (const auto& s : sequences_) {
      const auto logits = reference::Logits(config_, params, s);
      for (size_t i = s.size() > 9 ? 7 : 1; i < s.size(); ++i) {
        sum += c[r++] * reference::LogProb(logits[i - 1], s[i], kTemperature);
      }
    }
    return sum;
  };
  for (size_t t = 0; t < grads.layout().tensors().size(); ++t) {
    const TensorSpec& spec = grads.layout().tensor(t);
    const auto got = grads.Elements(t);
    double norm = 0;
    for (float g : got) norm = std::max<double>(norm, std::abs(g));
    for (int probe = 0; probe < 3; ++probe) {
      const int64_t i = random.NextBelow(spec.count());
      double& p = params[spec.name][i];
      const double saved = p, h = 1e-5;
      p = saved + h;
      const double up = loss();
      p = saved - h;
      const double down = loss();
      p = saved;
      // Central differences in double are exact to ~1e-8; fp32 sums over the
      // batch keep ~1e-4 of the tensor's largest gradient.
      EXPECT_NEAR(got[i], (up - down) / (2 * h), 2e-4 * norm + 1e-5)
          << spec.name << "[" << i << "]";
    }
  }
}

TEST_P(TransformerTest, BitsDoNotDependOnBatchThreadsOrChunks) {
  // The whole batch with activations, two threads.
  const int64_t C = config_.hidden_size;
  PackedModel packed(config_, ops_.get());
  std::vector<float> all(batch_.scored_rows.size());
  packed.Forward(weights_, batch_, true);
  packed.Logprobs(weights_, 1, absl::MakeSpan(all), {});

  // Each sequence alone, one thread, in chunks of 1, 3, 32, … tokens through a
  // KV cache with pages in reverse order.
  const auto ops = MakeCpuOps(1);
  Transformer transformer(config_, ops.get());
  KvCache cache(config_, 4);
  const std::vector<int32_t> pages = {3, 2, 1, 0};
  size_t r = 0;
  for (const auto& s : sequences_) {
    const int64_t T = s.size();
    std::vector<float> hidden(T * C);
    std::vector<int32_t> positions(T);
    std::iota(positions.begin(), positions.end(), 0);
    const int chunks[] = {1, 3, 32, 1, 2, 64};
    int64_t begin = 0;
    for (int i = 0; begin < T; ++i) {
      const int64_t count = std::min<int64_t>(chunks[i], T - begin);
      const SequenceRows rows{0, count, begin, pages};
      transformer.Forward(weights_,
                          {absl::MakeConstSpan(s).subspan(begin, count),
                           absl::MakeConstSpan(positions).subspan(begin, count),
                           absl::MakeConstSpan(&rows, 1)},
                          &cache, nullptr,
                          Mat{hidden.data() + begin * C, count, C});
      begin += count;
    }
    for (int64_t i = T > 9 ? 7 : 1; i < T; ++i) {
      float logprob;
      ops->LogprobForward(ConstMat{hidden.data() + (i - 1) * C, 1, C},
                          weights_.head(), {s[i]}, 1,
                          absl::MakeSpan(&logprob, 1), {});
      EXPECT_EQ(logprob, all[r++]) << "token " << i << " of " << T;
    }
  }
}

TEST_P(TransformerTest, GradientBitsDoNotDependOnThreads) {
  const size_t R = batch_.scored_rows.size();
  const std::vector<float> ones(R, 1.0f);
  std::vector<ParamSet> results;
  for (int threads : {1, 2, 3}) {
    const auto ops = MakeCpuOps(threads);
    PackedModel model(config_, ops.get());
    results.emplace_back(params_.shared_layout());
    model.Forward(weights_, batch_, true);
    model.Backward(weights_, 1, ones, {}, &results.back(), {}, {});
  }
  EXPECT_EQ(HashParams(results[0]), HashParams(results[1]));
  EXPECT_EQ(HashParams(results[0]), HashParams(results[2]));
}

INSTANTIATE_TEST_SUITE_P(Families, TransformerTest,
                         testing::Values(Case{"llama", true},
                                         Case{"llama", false},
                                         Case{"qwen2", true},
                                         Case{"qwen3", false}),
                         [](const auto& info) {
                           return std::string(info.param.model_type) +
                                  (info.param.is_tied ? "Tied" : "Untied");
                         });

}  // namespace
}  // namespace r1
