// Adapters: the merged weights and their gradient against double precision and
// against the gradient of all parameters, and their invariances, bit for bit.
#include "model/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/philox.h"
#include "model/gradients.h"
#include "model/lora_files.h"
#include "model/packed_model.h"
#include "tests/model/file_test_util.h"
#include "tests/model/host_params.h"
#include "tests/reference/transformer.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

ModelConfig TinyConfig(const std::string& model_type) {
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
  c.tie_embeddings = model_type != "qwen3";
  return c;
}

std::vector<std::string> AllTargets() {
  return {LoraTargets().begin(), LoraTargets().end()};
}

// Of a size at which attention and gates do not degenerate.
ParamSet RandomParams(const ModelConfig& config) {
  ParamSet params(std::make_shared<ParamLayout>(config));
  RandomSequence random(11, RandomStream::kInit, 0, 0);
  for (float& p : Flat(params)) p = 0.3f * random.NextNormal();
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    if (absl::StrContains(params.layout().tensor(i).name, "norm")) {
      for (float& p : Elements(params, i)) p += 1;
    }
  }
  return params;
}

std::vector<int32_t> RandomTokens(int count, int seed) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = random.NextBelow(37);
  return tokens;
}

struct Case {
  const char* model_type;
  std::vector<std::string> targets;
};

class LoraTest : public testing::TestWithParam<Case> {
 protected:
  LoraTest()
      : config_(TinyConfig(GetParam().model_type)),
        ops_(MakeCpuOps(2)),
        params_(RandomParams(config_)),
        lora_({3, 4.5f, GetParam().targets}, config_, params_, ops_.get()),
        adapters_(lora_.InitialAdapters(5)),
        weights_(config_, CpuDevice()) {
    RandomSequence random(12, RandomStream::kInit, 0, 0);
    for (float& p : Flat(adapters_)) p += 0.2f * random.NextNormal();
    lora_.Merge(adapters_, ops_.get(), &weights_);
    int seed = 0;
    for (const auto& [length, first] :
         {std::pair(5, 1), std::pair(41, 7), std::pair(34, 7)}) {
      sequences_.push_back(RandomTokens(length, ++seed));
      first_scored_.push_back(first);
    }
  }

  // W0 + s B A of the definition, in double, from adapters in double.
  reference::Params Sum(const reference::Params& adapters) const {
    reference::Params sum = reference::ToDouble(params_);
    for (auto& [name, values] : sum) {
      const std::string module = absl::StrCat(
          "base_model.model.", absl::StrReplaceAll(name, {{".weight", ""}}));
      const auto a = adapters.find(module + ".lora_A.weight");
      if (a == adapters.end()) continue;
      const reference::Vec& b = adapters.at(module + ".lora_B.weight");
      const size_t in = a->second.size() / 3;
      for (size_t n = 0; n < b.size() / 3; ++n) {
        for (size_t k = 0; k < in; ++k) {
          for (size_t r = 0; r < 3; ++r) {
            values[n * in + k] += 1.5 * b[n * 3 + r] * a->second[r * in + k];
          }
        }
      }
    }
    return sum;
  }
  // The sum of c[r] logprob[r] over the sequences' scored tokens.
  double Loss(const reference::Params& adapters,
              const std::vector<float>& c) const {
    const reference::Params params = Sum(adapters);
    double loss = 0;
    size_t r = 0;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      const auto logits = reference::Logits(config_, params, sequences_[s]);
      for (size_t i = first_scored_[s]; i < sequences_[s].size(); ++i) {
        loss += c[r++] * reference::LogProb(logits[i - 1], sequences_[s][i], 1);
      }
    }
    return loss;
  }
  std::vector<float> Coefficients() const {
    RandomSequence random(4, RandomStream::kData, 1, 0);
    std::vector<float> c;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      for (size_t i = first_scored_[s]; i < sequences_[s].size(); ++i) {
        c.push_back(random.NextNormal());
      }
    }
    return c;
  }
  // Adds the gradient of Loss to `grads`, each sequence or all in one batch.
  void AddGradient(Gradients grads, bool is_cut, Ops* ops,
                   Keep keep = Keep::kAll) {
    const std::vector<float> c = Coefficients();
    PackedModel model(config_, ops, keep);
    absl::Span<const float> rest = c;
    PackedTokens batch;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      batch.Append(sequences_[s], first_scored_[s]);
      if (!is_cut && s + 1 < sequences_.size()) continue;
      model.Forward(weights_, batch, true);
      const size_t count = batch.scored_rows.size();
      model.Backward(weights_, 1, rest.subspan(0, count), {}, grads, {}, {});
      rest.remove_prefix(count);
      batch = PackedTokens();
    }
  }
  Gradients Into(ParamSet* sums) { return {&lora_, &adapters_, sums}; }

  ModelConfig config_;
  std::unique_ptr<Ops> ops_;
  ParamSet params_;
  Lora lora_;
  ParamSet adapters_;
  PolicyWeights weights_;
  std::vector<std::vector<int32_t>> sequences_;
  std::vector<int64_t> first_scored_;
};

TEST_P(LoraTest, AdaptersHavePeftsNamesAndShapes) {
  std::vector<std::string> expected;
  for (int l = 0; l < config_.num_layers; ++l) {
    // In the order of the model's tensors.
    for (const auto& [module, name, out, in] :
         std::vector<std::tuple<std::string, std::string, int64_t, int64_t>>{
             {"self_attn", "q_proj", config_.q_size(), 24},
             {"self_attn", "k_proj", config_.kv_size(), 24},
             {"self_attn", "v_proj", config_.kv_size(), 24},
             {"self_attn", "o_proj", 24, config_.q_size()},
             {"mlp", "gate_proj", 40, 24},
             {"mlp", "up_proj", 40, 24},
             {"mlp", "down_proj", 24, 40}}) {
      const auto& targets = GetParam().targets;
      if (std::find(targets.begin(), targets.end(), name) == targets.end()) {
        continue;
      }
      const std::string prefix = absl::StrCat("base_model.model.model.layers.",
                                              l, ".", module, ".", name);
      expected.push_back(absl::StrCat(prefix, ".lora_A.weight 3 ", in));
      expected.push_back(absl::StrCat(prefix, ".lora_B.weight ", out, " 3"));
    }
  }
  std::vector<std::string> found;
  for (const TensorSpec& t : lora_.layout()->tensors()) {
    found.push_back(absl::StrCat(t.name, " ", t.rows, " ", t.cols));
    EXPECT_TRUE(t.is_decayed);
  }
  EXPECT_EQ(found, expected);
}

TEST_P(LoraTest, TheSumIsThatOfTheDefinition) {
  const reference::Params sum = Sum(reference::ToDouble(adapters_));
  for (size_t i = 0; i < params_.layout().tensors().size(); ++i) {
    const TensorSpec& t = params_.layout().tensor(i);
    std::vector<float> read(t.count());
    weights_.Read(i, 0, absl::MakeSpan(read));
    for (int64_t e = 0; e < t.count(); ++e) {
      // Sums of four terms of order 1.
      ASSERT_NEAR(read[e], sum.at(t.name)[e], 1e-6) << t.name;
      if (lora_.AdapterOf(i) >= 0) continue;
      ASSERT_EQ(read[e], Elements(params_, i)[e]) << t.name;
    }
  }
}

// Also where it is a negative zero.
TEST_P(LoraTest, WithoutBTheSumHasTheBitsOfW0) {
  const int down = params_.layout().layer(0).down;
  Elements(params_, down)[1] = -0.0f;
  for (const bool is_rounded : {false, true}) {
    if (is_rounded) {
      for (float& p : Flat(params_)) p = FromBf16(ToBf16(p));
    }
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      config_.weights_dtype = dtype;
      const Lora lora(lora_.config(), config_, params_, ops_.get());
      EXPECT_EQ(lora.base()->config().weights_dtype,
                is_rounded ? DType::kBF16 : DType::kF32);
      PolicyWeights merged(config_, CpuDevice());
      lora.Merge(lora.InitialAdapters(1), ops_.get(), &merged);
      EXPECT_EQ(HashWeights(merged, ops_.get()),
                HashWeights(*MakePolicyWeights(config_, params_, ops_.get()),
                            ops_.get()));
      float zero = 1;
      merged.Read(down, 1, absl::MakeSpan(&zero, 1));
      EXPECT_TRUE(std::signbit(zero));
    }
  }
}

// Held in bf16, the same W0 gives the same log-probs as in fp32.
TEST_P(LoraTest, W0InBf16IsTheSameModel) {
  for (float& p : Flat(params_)) p = FromBf16(ToBf16(p));
  const Lora lora(lora_.config(), config_, params_, ops_.get());
  ASSERT_EQ(lora.base()->config().weights_dtype, DType::kBF16);
  const auto exact = MakePolicyWeights(config_, params_, ops_.get());
  PackedTokens batch;
  batch.Append(sequences_[1], 1);
  PackedModel model(config_, ops_.get());
  std::vector<float> logprobs[2];
  for (const PolicyWeights* weights : {lora.base().get(), exact.get()}) {
    std::vector<float>& out = logprobs[weights == exact.get()];
    out.resize(batch.scored_rows.size());
    model.Forward(*weights, batch, false);
    model.Logprobs(*weights, 1, absl::MakeSpan(out), {});
  }
  EXPECT_EQ(logprobs[0], logprobs[1]);
}

TEST_P(LoraTest, TheSumIsAFunctionOfItsTermsAlone) {
  const std::string expected = HashWeights(weights_, ops_.get());
  const auto ops = MakeCpuOps(3);
  PolicyWeights used(config_, CpuDevice());
  used.Assign(RandomParams(config_), ops.get());
  for (int i = 0; i < 2; ++i) {  // into memory that held another version
    lora_.Merge(lora_.InitialAdapters(9), ops.get(), &used);
    lora_.Merge(adapters_, ops.get(), &used);
    EXPECT_EQ(HashWeights(used, ops.get()), expected);
  }
}

TEST_P(LoraTest, InitialAdaptersAreAFunctionOfSeedAndName) {
  const ParamSet first = lora_.InitialAdapters(7);
  const Lora one({3, 1, {"down_proj"}}, config_, params_, ops_.get());
  const ParamSet alone = one.InitialAdapters(7);
  std::vector<std::vector<float>> seen;
  for (size_t i = 0; i < first.layout().tensors().size(); ++i) {
    const TensorSpec& t = first.layout().tensor(i);
    const std::vector<float> values(Elements(first, i).begin(),
                                    Elements(first, i).end());
    if (absl::StrContains(t.name, "lora_B")) {
      EXPECT_EQ(values, std::vector<float>(t.count()));
      continue;
    }
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const float bound = 1 / std::sqrt(static_cast<float>(t.cols));
    EXPECT_GE(*low, -bound);
    EXPECT_LE(*high, bound);
    EXPECT_LT(*low, -0.8 * bound);
    EXPECT_GT(*high, 0.8 * bound);
    EXPECT_THAT(seen, testing::Not(testing::Contains(values))) << t.name;
    seen.push_back(values);
    if (const int same = alone.layout().Find(t.name); same >= 0) {
      EXPECT_EQ(values, std::vector<float>(Elements(alone, same).begin(),
                                           Elements(alone, same).end()));
    }
  }
  EXPECT_EQ(HashParams(lora_.InitialAdapters(7)), HashParams(first));
  EXPECT_NE(HashParams(lora_.InitialAdapters(8)), HashParams(first));
}

TEST_P(LoraTest, GradientEqualsFiniteDifferencesOfTheOracle) {
  ParamSet grads(lora_.layout());
  AddGradient(Into(&grads), /*is_cut=*/false, ops_.get());
  const std::vector<float> c = Coefficients();
  reference::Params adapters = reference::ToDouble(adapters_);
  RandomSequence random(4, RandomStream::kData, 1, 0);
  for (size_t t = 0; t < grads.layout().tensors().size(); ++t) {
    const TensorSpec& spec = grads.layout().tensor(t);
    const auto got = Elements(grads, t);
    double norm = 0;
    for (float g : got) norm = std::max<double>(norm, std::abs(g));
    EXPECT_GT(norm, 0) << spec.name;
    for (int probe = 0; probe < 3; ++probe) {
      const int64_t i = random.NextBelow(spec.count());
      double& p = adapters[spec.name][i];
      const double saved = p, h = 1e-5;
      p = saved + h;
      const double up = Loss(adapters, c);
      p = saved - h;
      const double down = Loss(adapters, c);
      p = saved;
      // As in transformer_test.cc: exact to ~1e-8, and fp32 sums over the
      // batch keep ~1e-4 of the tensor's largest gradient.
      EXPECT_NEAR(got[i], (up - down) / (2 * h), 2e-4 * norm + 1e-5)
          << spec.name << "[" << i << "]";
    }
  }
}

// With dW the gradient of all parameters, dB = s dW A^T and dA = s B^T dW.
TEST_P(LoraTest, GradientIsTheProjectionOfTheFullOne) {
  ParamSet full(params_.shared_layout()), grads(lora_.layout());
  AddGradient(&full, /*is_cut=*/false, ops_.get());
  AddGradient(Into(&grads), /*is_cut=*/false, ops_.get());
  for (size_t i = 0; i < params_.layout().tensors().size(); ++i) {
    const int adapter = lora_.AdapterOf(i);
    if (adapter < 0) continue;
    const ConstMat dw = full.tensor(i);
    const ConstMat a = adapters_.tensor(adapter);
    const ConstMat b = adapters_.tensor(adapter + 1);
    const auto expect = [&](Mat got, auto at) {
      double norm = 0;
      for (int64_t e = 0; e < got.rows * got.cols; ++e) {
        norm = std::max<double>(norm, std::abs(got.data[e]));
      }
      for (int64_t row = 0; row < got.rows; ++row) {
        for (int64_t col = 0; col < got.cols; ++col) {
          ASSERT_NEAR(got.Row(row)[col], at(row, col), 1e-5 * norm);
        }
      }
    };
    expect(grads.tensor(adapter + 1), [&](int64_t n, int64_t r) {
      double sum = 0;
      for (int64_t k = 0; k < dw.cols; ++k) {
        sum += 1.5 * dw.Row(n)[k] * a.Row(r)[k];
      }
      return sum;
    });
    expect(grads.tensor(adapter), [&](int64_t r, int64_t k) {
      double sum = 0;
      for (int64_t n = 0; n < dw.rows; ++n) {
        sum += 1.5 * b.Row(n)[r] * dw.Row(n)[k];
      }
      return sum;
    });
  }
}

TEST_P(LoraTest, GradientBitsDependOnNeitherCutsNorThreadsNorWhatIsKept) {
  std::vector<std::string> hashes;
  for (const bool is_cut : {false, true}) {
    for (const int threads : {1, 2, 3}) {
      const auto ops = MakeCpuOps(threads);
      ParamSet grads(lora_.layout());
      AddGradient(Into(&grads), is_cut, ops.get(),
                  static_cast<Keep>(threads % 3));
      hashes.push_back(HashParams(grads));
    }
  }
  EXPECT_EQ(hashes, std::vector<std::string>(6, hashes[0]));
}

TEST_P(LoraTest, FilesHoldThemBitForBit) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteAdapters(folder.path(), lora_, adapters_, "the/base").ok());
  ParamSet read(lora_.layout());
  const auto base = ReadAdapters(folder.path(), lora_, &read);
  ASSERT_TRUE(base.ok()) << base.status();
  EXPECT_EQ(*base, "the/base");
  EXPECT_EQ(HashParams(read), HashParams(adapters_));

  LoraConfig other = lora_.config();
  other.alpha = 9;
  const Lora stronger(other, config_, params_, ops_.get());
  EXPECT_THAT(
      std::string(
          ReadAdapters(folder.path(), stronger, &read).status().message()),
      HasSubstr("has rank 3 and alpha 4.5, expected 3 and 9"));
}

INSTANTIATE_TEST_SUITE_P(
    Models, LoraTest,
    testing::Values(Case{"llama", AllTargets()}, Case{"qwen2", AllTargets()},
                    Case{"qwen3", AllTargets()},
                    Case{"llama", {"q_proj", "down_proj"}}),
    [](const auto& info) {
      return absl::StrCat(info.param.model_type, "_",
                          info.param.targets.size());
    });

TEST(CheckLoraTest, NamesWhatIsWrongAndTheRemedy) {
  const ModelConfig model = TinyConfig("llama");  // k and v are [12, 24]
  EXPECT_TRUE(CheckLora({12, 1, AllTargets()}, model).ok());
  EXPECT_TRUE(CheckLora({24, 1, {"o_proj", "up_proj"}}, model).ok());
  const auto expect = [&](const LoraConfig& config, const char* text) {
    const absl::Status status = CheckLora(config, model);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  expect(
      {13, 1, AllTargets()},
      "lora.rank: 13 exceeds the smaller side of "
      "model.layers.0.self_attn.k_proj.weight [12, 24]: expected at most 12");
  expect({25, 1, {"q_proj"}}, "expected at most 24");
  expect({4, 0, {"q_proj"}}, "lora.alpha: expected a number above 0, got 0");
  expect({4, 1, {"c_attn"}}, "got \"c_attn\"");
}

}  // namespace
}  // namespace r1
