// Equality with Hugging Face's libraries: logits of tiny checkpoints and ids
// of small tokenizers, as golden/make_golden.py wrote them down.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "model/checkpoint.h"
#include "model/lora_files.h"
#include "model/packed_model.h"
#include "model/safetensors.h"
#include "model/strict_json.h"
#include "tests/model/file_test_util.h"
#include "tests/model/golden/logits.h"
#include "tests/model/golden/own_tokenizer.h"

namespace r1 {
namespace {

std::string GoldenPath(absl::string_view name) {
  return absl::StrCat(R1_SOURCE_DIR, "/tests/model/golden/", name);
}

nlohmann::json ReadGoldenJson(absl::string_view name) {
  const auto text = ReadFile(GoldenPath(name));
  EXPECT_TRUE(text.ok()) << text.status();
  auto json = ParseStrictJson(text.value_or("null"));
  EXPECT_TRUE(json.ok()) << json.status();
  return json.ok() ? *std::move(json) : nlohmann::json();
}

std::vector<float> ReadValues(const SafetensorsFile& file,
                              const std::string& name) {
  const SafetensorsEntry& entry = file.entries().at(name);
  std::vector<float> values((entry.end - entry.begin) / sizeof(float));
  EXPECT_TRUE(file.ReadFloat(entry, absl::MakeSpan(values)).ok());
  return values;
}

class GoldenModel : public testing::TestWithParam<const char*> {};

// Both sides compute in fp32, in different orders. Logits have a standard
// deviation of about 1 and pass ~10 sums of at most 56 terms, so rounding of
// 2^-24 leaves some 1e-6; an error in the formulas shows at 1e-2 and more.
constexpr float kLogitTolerance = 1e-4f;

// The model in `path` computes the logits in the folder `expected_path`.
void ExpectLogits(const std::string& path, const std::string& expected_path) {
  auto folder = LoadModelFolder(path);
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::unique_ptr<Ops> ops = MakeCpuOps(1);
  const ModelConfig config = folder->config;
  PolicyWeights weights(config, CpuDevice());
  weights.Assign(folder->params, ops.get());
  auto expected =
      SafetensorsFile::Open(expected_path + "/expected.safetensors");
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int i = 0; i < 3; ++i) {
    const auto tokens = ReadValues(**expected, absl::StrCat("tokens.", i));
    const auto rows = ReadValues(**expected, absl::StrCat("rows.", i));
    const auto want = ReadValues(**expected, absl::StrCat("logits.", i));
    const std::vector<float> got =
        AllLogits(weights, {tokens.begin(), tokens.end()}, ops.get());
    ASSERT_EQ(want.size(), rows.size() * config.vocab_size);
    for (size_t r = 0; r < rows.size(); ++r) {
      for (int64_t v = 0; v < config.vocab_size; ++v) {
        ASSERT_NEAR(got[static_cast<int64_t>(rows[r]) * config.vocab_size + v],
                    want[r * config.vocab_size + v], kLogitTolerance)
            << "sequence " << i << ", row " << rows[r] << ", token " << v;
      }
    }
  }
}

TEST_P(GoldenModel, LogitsEqualTransformers) {
  const std::string path = GoldenPath(absl::StrCat("models/", GetParam()));
  ExpectLogits(path, path);
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenModel,
                         testing::Values("llama_tied", "llama_scaled", "qwen2",
                                         "qwen2_bf16", "qwen2_fp16", "qwen3"),
                         [](const auto& info) { return info.param; });

class GoldenLora : public testing::TestWithParam<const char*> {};

// The log-probs of one sequence under a model merged from PEFT's adapters.
TEST_P(GoldenLora, LogprobsEqualPeft) {
  auto folder =
      LoadModelFolder(GoldenPath(absl::StrCat("models/", GetParam())));
  ASSERT_TRUE(folder.ok()) << folder.status();
  const std::string path = GoldenPath(absl::StrCat("adapters/", GetParam()));
  const auto json = ReadGoldenJson(
      absl::StrCat("adapters/", GetParam(), "/adapter_config.json"));
  const std::unique_ptr<Ops> ops = MakeCpuOps(1);
  const Lora lora({json["r"], json["lora_alpha"], json["target_modules"]},
                  folder->config, folder->params, ops.get());
  ParamSet adapters(lora.layout());
  const auto base = ReadAdapters(path, lora, &adapters);
  ASSERT_TRUE(base.ok()) << base.status();
  PolicyWeights weights(folder->config, CpuDevice());
  lora.Merge(adapters, ops.get(), &weights);

  const auto expected = SafetensorsFile::Open(path + "/expected.safetensors");
  ASSERT_TRUE(expected.ok()) << expected.status();
  const auto tokens = ReadValues(**expected, "tokens");
  const auto want = ReadValues(**expected, "logprobs");
  PackedTokens batch;
  batch.Append(std::vector<int32_t>(tokens.begin(), tokens.end()), 1);
  ASSERT_EQ(batch.targets.size(), want.size());
  PackedModel model(folder->config, ops.get());
  std::vector<float> got(want.size());
  model.Forward(weights, batch, false);
  model.Logprobs(weights, 1, absl::MakeSpan(got), {});
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], kLogitTolerance) << "token " << i + 1;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenLora,
                         testing::Values("llama_tied", "qwen2", "qwen3"),
                         [](const auto& info) { return info.param; });

// Rotary settings, past the original context: a config.json each, with the
// weights that all of them share.
class GoldenRope : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string weights = GoldenPath("ropes/weights/");
    for (const char* name : {"model.safetensors", "tokenizer.json"}) {
      std::filesystem::create_symlink(weights + name, folder_.File(name));
    }
  }
  std::string Expected() const {
    return GoldenPath(absl::StrCat("ropes/", GetParam()));
  }

  TemporaryFolder folder_;
};

TEST_P(GoldenRope, LogitsEqualTransformers) {
  folder_.Write("config.json", *ReadFile(Expected() + "/config.json"));
  ExpectLogits(folder_.path(), Expected());
}

// What is written keeps the settings, of a model that was read and of one that
// was made here.
TEST_P(GoldenRope, LogitsSurviveWriting) {
  const auto source = ReadFile(Expected() + "/config.json");
  ASSERT_TRUE(source.ok()) << source.status();
  auto config = ModelConfigFromJson(*source);
  ASSERT_TRUE(config.ok()) << config.status();
  folder_.Write("config.json", ModelConfigToJson(*config));
  ExpectLogits(folder_.path(), Expected());
  config->source_json.clear();
  folder_.Write("config.json", ModelConfigToJson(*config));
  ExpectLogits(folder_.path(), Expected());
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenRope,
                         testing::Values("linear", "linear_new", "dynamic",
                                         "yarn", "yarn_mscale", "yarn_smooth",
                                         "yarn_whole", "yarn_ratio",
                                         "yarn_beside", "llama3_new"),
                         [](const auto& info) { return info.param; });

class GoldenTokenizer : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTokenizer, IdsEqualTokenizers) {
  const std::string name = absl::StrCat("tokenizers/", GetParam());
  const auto source = ReadFile(GoldenPath(name + ".json"));
  ASSERT_TRUE(source.ok()) << source.status();
  const auto tokenizer = Tokenizer::FromJson(*source);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto texts = ReadGoldenJson("texts.json");
  const auto expected = ReadGoldenJson(name + ".ids");
  for (const bool allow_special : {false, true}) {
    const auto& rows = expected[allow_special ? "special" : "plain"];
    ASSERT_EQ(rows.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string text = texts[i].get<std::string>();
      EXPECT_EQ(*tokenizer->Encode(text, allow_special),
                rows[i].get<std::vector<int32_t>>())
          << "text " << i << ": " << texts[i].dump();
    }
  }
}

TEST_P(GoldenTokenizer, TextsComeBack) {
  const std::string name = absl::StrCat("tokenizers/", GetParam(), ".json");
  const auto source = ReadFile(GoldenPath(name));
  ASSERT_TRUE(source.ok()) << source.status();
  const auto tokenizer = Tokenizer::FromJson(*source);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  if (absl::string_view(GetParam()) == "qwen2") return;  // normalizes: NFC
  if (absl::StrContains(GetParam(), "unknown")) return;  // lacks bytes
  for (const auto& item : ReadGoldenJson("texts.json")) {
    const std::string text = item.get<std::string>();
    EXPECT_EQ(tokenizer->Decode(*tokenizer->Encode(text, false)), text);
    EXPECT_EQ(tokenizer->Decode(*tokenizer->Encode(text, true)), text);
  }
}

INSTANTIATE_TEST_SUITE_P(Styles, GoldenTokenizer,
                         testing::Values("gpt2", "llama3", "qwen2", "deepseek",
                                         "digits", "o200k", "ours", "unknown",
                                         "fused_unknown"),
                         [](const auto& info) { return info.param; });

TEST(GoldenTraining, GivesTheCommittedTokenizer) {
  const auto corpus = ReadFile(GoldenPath("corpus.txt"));
  const auto expected = ReadFile(GoldenPath("tokenizers/ours.json"));
  ASSERT_TRUE(corpus.ok() && expected.ok());
  const auto tokenizer = TrainOwnTokenizer(*corpus);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ(tokenizer->ToJson(), *expected);
}

}  // namespace
}  // namespace r1
