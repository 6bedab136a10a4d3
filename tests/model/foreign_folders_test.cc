// Weights as other programs write them: names of wrappers, tensors that the
// model does not compute with, heads and indices that contradict config.json.
// What transformers loads is loaded, and what could change the numbers is
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "tests/model/checkpoint_test_util.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using ForeignFolderTest = CheckpointTest;

TEST_F(ForeignFolderTest, ATiedModelMayHoldItsHeadTwice) {
  const ParamSet params = Write(SmallConfig("llama", true));
  std::vector<Tensor> tensors = ReadTensors();
  tensors.push_back({"lm_head.weight", {260, 8}, tensors[0].values});
  ASSERT_EQ(tensors[0].name, "model.embed_tokens.weight");
  WriteTensors("model.safetensors", tensors);
  const auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(read->params), HashParams(params));
  tensors.back().shape = {8, 260};
  WriteTensors("model.safetensors", tensors);
  ExpectError(Load(),
              "\"lm_head.weight\" has shape [8, 260], expected [260, 8]",
              "transposed head");
}

// As transformers 5: what the file holds outranks "tie_word_embeddings".
TEST_F(ForeignFolderTest, ATiedHeadThatDiffersIsAHeadOfItsOwn) {
  Write(SmallConfig("llama", true));
  std::vector<Tensor> tensors = ReadTensors();
  Tensor head = {"lm_head.weight", {260, 8}, tensors[0].values};
  head.values.back() += 1;
  tensors.push_back(head);
  WriteTensors("model.safetensors", tensors);
  const CapturedLog log;
  const auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->config.tie_embeddings);
  const ParamLayout& layout = read->params.layout();
  EXPECT_THAT(Elements(read->params, layout.head()),
              testing::ElementsAreArray(head.values));
  EXPECT_THAT(log.lines(),
              ElementsAre(HasSubstr("differs from the embeddings")));
  const json written = json::parse(ModelConfigToJson(read->config));
  EXPECT_EQ(written["tie_word_embeddings"], false);
}

TEST_F(ForeignFolderTest, ATiedModelMayHoldItsHeadInsteadOfItsEmbeddings) {
  const ParamSet params = Write(SmallConfig("llama", true));
  std::vector<Tensor> tensors = ReadTensors();
  tensors[0].name = "lm_head.weight";
  WriteTensors("model.safetensors", tensors);
  const auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(read->params), HashParams(params));
}

// What older programs, trainers of value functions and larger models leave in
// a file: skipped with one line that counts and names it.
TEST_F(ForeignFolderTest, TensorsThatAreNotComputedWithAreSkipped) {
  const struct {
    std::vector<const char*> names;
    const char* line;
  } cases[] = {
      {{"model.layers.0.self_attn.rotary_emb.inv_freq"},
       "skipped 1 tensor(s) that the model does not compute with: "
       "model.layers.*.self_attn.rotary_emb.inv_freq"},
      {{"model.rotary_emb.inv_freq"}, "model.rotary_emb.inv_freq"},
      {{"model.layers.0.self_attn.masked_bias",
        "model.layers.0.self_attn.bias"},
       "skipped 2 tensor(s)"},
      {{"model.layers.0.attn.bias", "model.layers.0.attn.masked_bias"},
       "model.layers.*.attn.bias"},
      {{"model.layers.0.self_attn.rotary_emb.cos_cached",
        "model.layers.0.self_attn.rotary_emb.sin_cached"},
       "cos_cached"},
      {{"v_head.summary.weight", "v_head.summary.bias"},
       "v_head.summary.bias, v_head.summary.weight"},
      {{"value_head.weight"}, "value_head.weight"},
      {{"score.weight"}, "score.weight"},
      {{"classifier.dense.weight"}, "classifier.dense.weight"},
      {{"mtp.layers.0.input_layernorm.weight", "mtp.fc.weight"}, "mtp.fc"},
      {{"model.mtp.embed_tokens.weight"}, "model.mtp.embed_tokens.weight"},
      {{"model.layers.1.eh_proj.weight", "model.layers.1.enorm.weight",
        "model.layers.1.self_attn.q_proj.weight",
        "model.layers.2.self_attn.q_proj.weight"},
       "model.layers.*.self_attn.q_proj.weight (2 times), "},
      {{"model.vision_tower.patch.bias"}, "model.vision_tower.patch.bias"},
      {{"medusa_head.0.0.linear.weight"}, "medusa_head.*.*.linear.weight"},
  };
  const ParamSet params = Write(SmallConfig("llama", false));
  const std::vector<Tensor> good = ReadTensors();
  for (const auto& c : cases) {
    std::vector<Tensor> tensors = good;
    for (const char* name : c.names) tensors.push_back({name, {2}, {NAN, 1}});
    WriteTensors("model.safetensors", tensors);
    const CapturedLog log;
    const auto read = LoadModelFolder(folder_.path());
    ASSERT_TRUE(read.ok()) << c.names[0] << ": " << read.status();
    EXPECT_EQ(HashParams(read->params), HashParams(params)) << c.names[0];
    EXPECT_THAT(log.lines(), ElementsAre(HasSubstr(c.line)));
  }
}

// transformers ignores these with a warning and computes other numbers than
// the model that they were saved from.
TEST_F(ForeignFolderTest, TensorsThatCouldChangeTheNumbersAreRefused) {
  Write(SmallConfig("llama", false));
  const std::vector<Tensor> good = ReadTensors();
  for (const char* name :
       {"model.layers.0.self_attn.q_proj.bias",
        "model.layers.0.self_attn.o_proj.bias",
        "model.layers.0.mlp.down_proj.bias",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.0.self_attn.q_proj.lora_A.weight",
        "model.layers.0.mlp.up_proj.weight_scale",
        "model.layers.0.post_feedforward_layernorm.weight",
        "model.layers.0.input_layernorm.bias", "model.norm.bias",
        "model.embed_tokens.lora_embedding_A", "lm_head.bias"}) {
    std::vector<Tensor> tensors = good;
    tensors.push_back({name, {1}, {1}});
    WriteTensors("model.safetensors", tensors);
    ExpectError(Load(), "has 1 tensor(s) that a llama model of this", name);
  }
  std::vector<Tensor> adapter = good;
  for (Tensor& t : adapter) {
    if (t.name == "model.layers.0.self_attn.v_proj.weight") {
      t.name = "model.layers.0.self_attn.v_proj.base_layer.weight";
    }
  }
  adapter.push_back(
      {"model.layers.0.self_attn.v_proj.lora_B.default.weight", {1}, {1}});
  WriteTensors("model.safetensors", adapter);
  ExpectError(Load(), "merge the LoRA adapter into the model first", "LoRA");
}

// Names as wrappers, trainers and larger models spell them.
TEST_F(ForeignFolderTest, NamesOfWrappersAreUnderstood) {
  const struct {
    const char* what;
    std::function<std::string(const std::string&)> rename;
  } cases[] = {
      {"compiled", [](const std::string& n) { return "_orig_mod." + n; }},
      {"parallel", [](const std::string& n) { return "module." + n; }},
      {"both",
       [](const std::string& n) { return "module._orig_mod.module." + n; }},
      {"layers compiled",
       [](const std::string& n) {
         return absl::StrReplaceAll(n, {{"layers.0.", "layers.0._orig_mod."}});
       }},
      {"sharded",
       [](const std::string& n) {
         return "_fsdp_wrapped_module." +
                absl::StrReplaceAll(n, {{"layers.0.",
                                         "layers.0._fsdp_wrapped_module."
                                         "_checkpoint_wrapped_module."}});
       }},
      {"the base model",
       [](const std::string& n) {
         return std::string(absl::StripPrefix(n, "model."));
       }},
      {"compiled base model",
       [](const std::string& n) {
         return "_orig_mod." + std::string(absl::StripPrefix(n, "model."));
       }},
      {"of a larger model",
       [](const std::string& n) { return "language_model." + n; }},
      {"of a larger model, newer",
       [](const std::string& n) {
         return absl::StrReplaceAll(n, {{"model.", "model.language_model."}});
       }},
      {"merged adapter",
       [](const std::string& n) { return "base_model.model." + n; }},
      {"with a value head",
       [](const std::string& n) { return "pretrained_model." + n; }},
  };
  for (const bool is_tied : {false, true}) {
    const ParamSet params = Write(SmallConfig("qwen3", is_tied));
    const std::vector<Tensor> good = ReadTensors();
    for (const auto& c : cases) {
      std::vector<Tensor> tensors = good;
      for (Tensor& t : tensors) t.name = c.rename(t.name);
      WriteTensors("model.safetensors", tensors);
      const auto read = LoadModelFolder(folder_.path());
      ASSERT_TRUE(read.ok()) << c.what << ": " << read.status();
      EXPECT_EQ(HashParams(read->params), HashParams(params)) << c.what;
    }
  }
}

TEST_F(ForeignFolderTest, TwoModelsInOneFileAreNotChosenBetween) {
  const ParamSet params = Write(SmallConfig("llama", true));
  const std::vector<Tensor> good = ReadTensors();
  const auto load_with = [&](absl::string_view a, absl::string_view b) {
    std::vector<Tensor> tensors;
    for (absl::string_view prefix : {a, b}) {
      for (Tensor t : good) {
        t.name = absl::StrCat(prefix, t.name);
        tensors.push_back(std::move(t));
      }
    }
    WriteTensors("model.safetensors", tensors);
    return LoadModelFolder(folder_.path()).status();
  };
  ExpectError(load_with("actor.", "critic."),
              "has 2 models, under \"actor.model.\" and \"critic.model.\"",
              "two of a kind");
  ExpectError(load_with("", "module."),
              "are both \"model.embed_tokens.weight\"", "wrapped and not");
  EXPECT_TRUE(load_with("", "ema.").ok()) << "an average beside the model";
}

TEST_F(ForeignFolderTest, TheFilesDecideWhereTheIndexIsOutOfDate) {
  const ParamSet params = Write(SmallConfig("llama", false));
  const json good = WriteShards();
  const struct {
    const char* what;
    void (*edit)(json* map);
    const char* line;
  } cases[] = {
      {"wrong shard",
       [](json* map) { (*map)["model.norm.weight"] = "a.safetensors"; },
       "1 tensor(s) are not where it says; what the shards hold is read: "
       "model.norm.weight"},
      {"tensor nowhere", [](json* map) { (*map)["x"] = "a.safetensors"; },
       "1 tensor(s)"},
      {"tensor not listed", [](json* map) { map->erase("model.norm.weight"); },
       "1 tensor(s)"},
      {"other names",
       [](json* map) {
         json renamed;
         for (const auto& [name, shard] : map->items()) {
           renamed["module." + name] = shard;
         }
         *map = renamed;
       },
       "24 tensor(s)"},
  };
  for (const auto& c : cases) {
    json index = good;
    c.edit(&index["weight_map"]);
    folder_.Write(kIndex, index.dump());
    const CapturedLog log;
    const auto read = LoadModelFolder(folder_.path());
    ASSERT_TRUE(read.ok()) << c.what << ": " << read.status();
    EXPECT_EQ(HashParams(read->params), HashParams(params)) << c.what;
    EXPECT_THAT(log.lines(), ElementsAre(HasSubstr(c.line))) << c.what;
  }
}

TEST_F(ForeignFolderTest, OtherFormsOfWeightsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"SmolLM2-135M-Instruct.Q4_1.gguf", "GGUF files are not read"},
      {"adapter_model.safetensors", "is an adapter without its model"}};
  for (const auto& [name, message] : cases) {
    Write(SmallConfig("llama", false));
    Remove("model.safetensors");
    folder_.Write(name, "GGUF");
    ExpectError(Load(), absl::StrCat(name, ": ", message), name);
    Remove(name);
  }
}

}  // namespace
}  // namespace r1
