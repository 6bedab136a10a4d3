// One version of the weights: its values are those of the parameters, and its
// identity covers every one of them.
#include "model/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/philox.h"
#include "base/sha256.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

ModelConfig SmallConfig(const std::string& model_type, bool is_tied) {
  ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 1037;  // more than one leaf of the hash
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = 6;
  c.max_positions = 16;
  c.tie_embeddings = is_tied;
  return c;
}

// Every element has another value, biases and norms as well.
ParamSet RandomParams(const ModelConfig& config) {
  ParamSet params(std::make_shared<ParamLayout>(config));
  RandomSequence random(11, RandomStream::kInit, 0, 0);
  for (float& p : Flat(params)) p = random.NextNormal();
  return params;
}

struct Case {
  const char* model_type;
  bool is_tied;
  ModelHead head;
};

class WeightsTest : public testing::TestWithParam<Case> {
 protected:
  WeightsTest()
      : config_(SmallConfig(GetParam().model_type, GetParam().is_tied)) {
    config_.head = GetParam().head;
  }

  ModelConfig config_;
  std::unique_ptr<Ops> ops_ = MakeCpuOps(2);
};

TEST_P(WeightsTest, HaveTheValuesOfTheParameters) {
  const ParamSet params = RandomParams(config_);
  PolicyWeights assigned(config_, CpuDevice()), written(config_, CpuDevice());
  assigned.Assign(params, ops_.get());
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    const absl::Span<const float> all = Elements(params, i);
    for (size_t begin = 0; begin < all.size(); begin += 1001) {
      const auto part = all.subspan(begin, 1001);
      std::vector<float> read(part.size());
      assigned.Read(i, begin, absl::MakeSpan(read));
      EXPECT_EQ(read, std::vector<float>(part.begin(), part.end()))
          << params.layout().tensor(i).name;
      written.Write(i, begin, part);
    }
  }
  EXPECT_EQ(HashWeights(written, ops_.get()),
            HashWeights(assigned, ops_.get()));
}

// Of every tensor in order of name its header and the digests of its leaves.
TEST_P(WeightsTest, TheHashIsTheDocumentedTree) {
  constexpr size_t kLeaf = 64 << 10;  // bytes
  const ParamSet params = RandomParams(config_);
  std::vector<std::string> names;
  for (const TensorSpec& t : params.layout().tensors()) names.push_back(t.name);
  std::sort(names.begin(), names.end());
  std::string root;
  for (const std::string& name : names) {
    const int index = params.layout().Find(name);
    const TensorSpec& t = params.layout().tensor(index);
    absl::StrAppend(&root, name, " ", t.rows, " ", t.cols, "\n");
    const absl::string_view bytes(
        reinterpret_cast<const char*>(Elements(params, index).data()),
        Elements(params, index).size() * sizeof(float));
    for (size_t begin = 0; begin < bytes.size(); begin += kLeaf) {
      root += Sha256Hex(bytes.substr(begin, kLeaf));
    }
  }
  for (const int threads : {1, 3}) {
    const std::unique_ptr<Ops> ops = MakeCpuOps(threads);
    EXPECT_EQ(
        HashWeights(*MakePolicyWeights(config_, params, ops.get()), ops.get()),
        Sha256Hex(root));
  }
}

TEST_P(WeightsTest, TheHashSeesEveryTensor) {
  PolicyWeights weights(config_, CpuDevice());
  weights.Assign(RandomParams(config_), ops_.get());
  std::set<std::string> hashes = {HashWeights(weights, ops_.get())};
  for (size_t i = 0; i < weights.layout().tensors().size(); ++i) {
    const int64_t last = weights.layout().tensor(i).count() - 1;
    float value;
    weights.Read(i, last, absl::MakeSpan(&value, 1));
    weights.Write(i, last, {value + 1});
    EXPECT_TRUE(hashes.insert(HashWeights(weights, ops_.get())).second)
        << weights.layout().tensor(i).name;
  }
}

// The matrices are rounded, vectors are not.
TEST_P(WeightsTest, InBf16MatricesAreRounded) {
  const ParamSet params = RandomParams(config_);
  ParamSet rounded = Clone(params);
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    if (params.layout().tensor(i).cols == 0) continue;
    for (float& x : Elements(rounded, i)) x = FromBf16(ToBf16(x));
  }
  const std::string expected =
      HashWeights(*MakePolicyWeights(config_, rounded, ops_.get()), ops_.get());
  config_.weights_dtype = DType::kBF16;
  for (const ParamSet* values : {&params, &std::as_const(rounded)}) {
    EXPECT_EQ(HashWeights(*MakePolicyWeights(config_, *values, ops_.get()),
                          ops_.get()),
              expected);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, WeightsTest,
    testing::Values(Case{"llama", true, ModelHead::kVocabulary},
                    Case{"qwen2", false, ModelHead::kVocabulary},
                    Case{"qwen3", true, ModelHead::kVocabulary},
                    Case{"qwen2", true, ModelHead::kScore}),
    [](const auto& info) {
      return absl::StrCat(info.param.model_type,
                          info.param.is_tied ? "_tied" : "",
                          info.param.head == ModelHead::kScore ? "_score" : "");
    });

}  // namespace
}  // namespace r1
