// Scores against a double-precision oracle and against transformers, their
// invariances bit for bit, and the folder.
#include "judge/reward_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "judge/judged_text.h"
#include "model/safetensors.h"
#include "model/strict_json.h"
#include "model/tokenizer_config.h"
#include "tests/judge/judge_testing.h"
#include "tests/model/file_test_util.h"
#include "tests/model/host_params.h"
#include "tests/reference/transformer.h"

namespace r1 {
namespace {

using nlohmann::json;
using testing::Each;

class RewardModelFamily : public testing::TestWithParam<const char*> {};

TEST_P(RewardModelFamily, ScoresEqualTheOracle) {
  const ModelConfig config = TinyJudge(GetParam());
  const auto ops = MakeCpuOps(2);
  const ParamSet values = RandomParams(config);
  PolicyWeights weights(config, CpuDevice());
  weights.Assign(values, ops.get());
  const std::vector<std::vector<int32_t>> texts = {
      RandomText(1, 1), RandomText(33, 2), RandomText(7, 3)};
  SequenceScorer scorer(config, ops.get());
  const std::vector<float> scores = scorer.Score(weights, texts);
  const reference::Params params = reference::ToDouble(values);
  for (size_t i = 0; i < texts.size(); ++i) {
    // Scores of order 1 pass through ~10 sums of up to 40 terms in fp32.
    EXPECT_NEAR(scores[i], reference::Score(config, params, texts[i]), 1e-4);
  }
}

// What transformers computes (golden/make_golden.py), from bfloat16 files.
TEST_P(RewardModelFamily, TokensAndScoresEqualTransformers) {
  const std::string path =
      absl::StrCat(R1_SOURCE_DIR, "/tests/judge/golden/", GetParam());
  auto folder = LoadRewardModel(path);
  ASSERT_TRUE(folder.ok()) << folder.status();
  const ModelConfig config = folder->config;
  EXPECT_EQ(config.pad_token_id, 0);
  const auto ops = MakeCpuOps(1);
  PolicyWeights weights(config, CpuDevice());
  weights.Assign(folder->params, ops.get());
  SequenceScorer scorer(config, ops.get());
  const auto text = ReadFile(path + "/scores.json");
  ASSERT_TRUE(text.ok()) << text.status();
  int count = 0;
  for (const json& row : json::parse(*text)) {
    const auto tokens = EncodeJudged(*folder->tokenizer, config,
                                     row["prompt"].get<std::string>(),
                                     row["text"].get<std::string>());
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    EXPECT_EQ(json(*tokens), row["tokens"]);
    // As for the logits of tests/model/golden_test.cc: both in fp32, in
    // different orders.
    EXPECT_NEAR(scorer.Score(weights, {*tokens})[0], row["score"].get<double>(),
                1e-4);
    ++count;
  }
  EXPECT_EQ(count, 4);
}

INSTANTIATE_TEST_SUITE_P(Families, RewardModelFamily,
                         testing::Values("llama", "qwen2", "qwen3"),
                         [](const auto& info) { return info.param; });

class SequenceScorerTest : public testing::Test {
 protected:
  SequenceScorerTest() {
    weights_.Assign(RandomParams(config_), ops_.get());
    // More than three microbatches.
    for (int i = 0; i < 200; ++i) texts_.push_back(RandomText(1 + i % 128, i));
  }
  std::vector<float> Score(const std::vector<std::vector<int32_t>>& texts,
                           int threads) {
    const auto ops = MakeCpuOps(threads);
    return SequenceScorer(config_, ops.get()).Score(weights_, texts);
  }

  const ModelConfig config_ = TinyJudge();
  const std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  PolicyWeights weights_{config_, CpuDevice()};
  std::vector<std::vector<int32_t>> texts_;
};

TEST_F(SequenceScorerTest, BitsDoNotDependOnBatchOrThreads) {
  const std::vector<float> all = Score(texts_, 1);
  EXPECT_EQ(Score(texts_, 2), all);
  EXPECT_EQ(Score(texts_, 3), all);
  SequenceScorer scorer(config_, ops_.get());
  for (size_t i = 0; i < texts_.size(); ++i) {
    EXPECT_EQ(scorer.Score(weights_, {texts_[i]})[0], all[i]) << i;
  }
  std::vector<std::vector<int32_t>> reversed(texts_.rbegin(), texts_.rend());
  EXPECT_EQ(Score(reversed, 2), std::vector<float>(all.rbegin(), all.rend()));
  EXPECT_TRUE(Score({}, 1).empty());
}

TEST_F(SequenceScorerTest, PaddingBehindATextIsNotScored) {
  SequenceScorer scorer(config_, ops_.get());
  std::vector<int32_t> text = RandomText(9, 1);
  const float score = scorer.Score(weights_, {text})[0];
  text.push_back(0);
  text.push_back(0);
  EXPECT_EQ(ScoredPosition(text, config_), 8);
  EXPECT_EQ(scorer.Score(weights_, {text})[0], score);
  EXPECT_EQ(ScoredPosition({0, 0}, config_), 0);
  ModelConfig unpadded = config_;
  unpadded.pad_token_id = -1;
  EXPECT_EQ(ScoredPosition(text, unpadded), 10);
}

TEST_F(SequenceScorerTest, WhatCannotBeScoredIsNamed) {
  ExpectError(CheckScorable({}, config_), "no tokens", "empty");
  ExpectError(CheckScorable(RandomText(129, 1), config_),
              "129 tokens, more than the reward model's context of 128",
              "too long");
  ExpectError(CheckScorable({1, 257}, config_), "token 257", "beyond");
  ExpectError(CheckScorable({-1}, config_), "token -1", "negative");
  EXPECT_TRUE(CheckScorable(RandomText(128, 1), config_).ok());
}

class RewardModelFolderTest : public testing::Test {
 protected:
  ModelFolder LanguageModel() {
    ModelConfig config = TinyJudge();
    config.head = ModelHead::kVocabulary;
    return {config, RandomParams(config), ByteTokenizer()};
  }
  absl::Status Write(const ModelFolder& model) {
    return WriteModelFolder(folder_.path(), model.config, model.params,
                            *model.tokenizer);
  }
  // The folder's weights with one more tensor, or another in its place.
  void PutTensor(const std::string& name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (int64_t n : shape) count *= n;
    const std::vector<float> values(count, 0.5f);
    const ParamLayout& layout = judge_->params.layout();
    std::vector<SafetensorsTensor> tensors = {FileTensor(name, shape, values)};
    for (int i = 0; i < layout.tensors().size(); ++i) {
      const TensorSpec& t = layout.tensor(i);
      if (t.name == name) continue;
      tensors.push_back(FileTensor(t.name,
                                   t.cols == 0
                                       ? std::vector<int64_t>{t.rows}
                                       : std::vector<int64_t>{t.rows, t.cols},
                                   Elements(judge_->params, i)));
    }
    EXPECT_TRUE(
        WriteSafetensors(folder_.File("model.safetensors"), tensors).ok());
  }

  TemporaryFolder folder_;
  const absl::StatusOr<ModelFolder> judge_ = StartRewardModel(LanguageModel());
};

TEST_F(RewardModelFolderTest, StartsAsTheModelWithAHeadOfZeros) {
  ASSERT_TRUE(judge_.ok()) << judge_.status();
  const ModelFolder model = LanguageModel();
  const ParamLayout& layout = judge_->params.layout();
  EXPECT_EQ(layout.tensors().size(),
            model.params.layout().tensors().size() + 1);
  EXPECT_EQ(layout.Find("lm_head.weight"), -1);
  for (int i = 0; i < layout.tensors().size(); ++i) {
    if (layout.tensor(i).name == "score.weight") {
      EXPECT_EQ(layout.tensor(i).rows, 1);
      EXPECT_EQ(layout.tensor(i).cols, 24);
      EXPECT_THAT(Elements(judge_->params, i), Each(0));
      continue;
    }
    const int from = model.params.layout().Find(layout.tensor(i).name);
    EXPECT_EQ(Elements(judge_->params, i), Elements(model.params, from));
  }
}

TEST_F(RewardModelFolderTest, ComesBack) {
  ModelFolder judge{judge_->config, RandomParams(judge_->config),
                    judge_->tokenizer};
  ASSERT_TRUE(Write(judge).ok());
  const auto read = LoadRewardModel(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(read->params), HashParams(judge.params));
  EXPECT_EQ(read->config.pad_token_id, 0);
  const json config = json::parse(folder_.Read("config.json"));
  EXPECT_EQ(config["architectures"], json({"LlamaForSequenceClassification"}));
  EXPECT_EQ(config["id2label"].size(), 1);
  EXPECT_EQ(config["pad_token_id"], 0);
  EXPECT_EQ(json::parse(folder_.Read("tokenizer_config.json"))["pad_token"],
            "<|endoftext|>");
  // A reward model starts from itself as it is.
  const auto again = StartRewardModel(*LoadRewardModel(folder_.path()));
  EXPECT_EQ(HashParams(again->params), HashParams(judge.params));
}

TEST_F(RewardModelFolderTest, PadTokenIsTheTokenizersOwn) {
  ModelFolder model = LanguageModel();
  json tokenizer = json::parse(model.tokenizer->ToJson());
  tokenizer["added_tokens"].push_back(
      {{"id", 257}, {"content", "<|pad|>"}, {"special", true}});
  auto with_pad = Tokenizer::FromFiles(
      {tokenizer.dump(), R"({"pad_token": "<|pad|>"})", "", ""});
  ASSERT_TRUE(with_pad.ok()) << with_pad.status();
  model.config.vocab_size = 258;
  model.params = RandomParams(model.config);
  model.tokenizer = std::make_shared<const Tokenizer>(*std::move(with_pad));
  const auto judge = StartRewardModel(std::move(model));
  ASSERT_TRUE(judge.ok()) << judge.status();
  EXPECT_EQ(judge->config.pad_token_id, 257);
}

TEST_F(RewardModelFolderTest, OneKindIsRefusedForTheOther) {
  ASSERT_TRUE(Write(*judge_).ok());
  ExpectError(LoadModelFolder(folder_.path()).status(),
              folder_.path() +
                  ": config.json: is a reward model, "
                  "LlamaForSequenceClassification",
              "reward model");
  ASSERT_TRUE(Write(LanguageModel()).ok());
  ExpectError(LoadRewardModel(folder_.path()).status(),
              folder_.path() +
                  ": config.json: is no reward model; expected "
                  "\"architectures\": [\"LlamaForSequenceClassification\"]",
              "language model");
  ExpectError(LoadRewardModel("/nonexistent").status(), "/nonexistent",
              "no folder");
}

TEST_F(RewardModelFolderTest, HeadMustBeThereAndOfOneLabel) {
  ASSERT_TRUE(Write(*judge_).ok());
  PutTensor("score.weight", {2, 24});
  ExpectError(LoadRewardModel(folder_.path()).status(),
              "\"score.weight\" has shape [2, 24], expected [1, 24]", "labels");
  PutTensor("score.weight", {1, 24});
  EXPECT_TRUE(LoadRewardModel(folder_.path()).ok());
  // A head of the vocabulary counts for nothing here, a bias for something.
  PutTensor("lm_head.weight", {257, 24});
  EXPECT_TRUE(LoadRewardModel(folder_.path()).ok());
  PutTensor("score.bias", {1});
  ExpectError(LoadRewardModel(folder_.path()).status(), "score.bias", "bias");

  // The weights of a language model under a reward model's config.json.
  const std::string config = folder_.Read("config.json");
  ASSERT_TRUE(Write(LanguageModel()).ok());
  folder_.Write("config.json", config);
  ExpectError(LoadRewardModel(folder_.path()).status(), "score.weight",
              "headless");
}

}  // namespace
}  // namespace r1
