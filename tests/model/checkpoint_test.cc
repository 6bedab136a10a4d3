// Folders: what is written is read back, and every inconsistency is refused
// with the name of the culprit.
#include "model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "tests/model/checkpoint_test_util.h"

namespace r1 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(CheckpointTest, WhatIsWrittenIsReadBack) {
  for (const char* model_type : {"llama", "qwen2", "qwen3"}) {
    for (const bool is_tied : {false, true}) {
      const ModelConfig config = SmallConfig(model_type, is_tied);
      const ParamSet params = Write(config);
      const auto read = LoadModelFolder(folder_.path());
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(HashParams(read->params), HashParams(params));
      EXPECT_EQ(read->config.model_type, model_type);
      EXPECT_EQ(read->config.tie_embeddings, is_tied);
      EXPECT_EQ(read->config.eos_token_ids, config.eos_token_ids);
      EXPECT_EQ(read->tokenizer->hash(), tokenizer_.hash());
    }
  }
}

TEST_F(CheckpointTest, SavingWhatWasReadGivesTheSameFiles) {
  Write(SmallConfig("qwen3", true));
  EditJson("config.json", [](json* c) { (*c)["my_key"] = {1, 2}; });
  auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  TemporaryFolder second, third;
  ASSERT_TRUE(WriteModelFolder(second.path(), read->config, read->params,
                               *read->tokenizer)
                  .ok());
  EXPECT_EQ(json::parse(second.Read("config.json"))["my_key"], json({1, 2}));
  read = LoadModelFolder(second.path());
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(WriteModelFolder(third.path(), read->config, read->params,
                               *read->tokenizer)
                  .ok());
  const auto names = ListDirectory(second.path());
  ASSERT_TRUE(names.ok());
  EXPECT_THAT(*names, ElementsAre("config.json", "generation_config.json",
                                  "model.safetensors", "tokenizer.json",
                                  "tokenizer_config.json"));
  for (const std::string& name : *names) {
    EXPECT_EQ(second.Read(name), third.Read(name)) << name;
  }
}

TEST_F(CheckpointTest, NamesTheEndTokenForTransformers) {
  Write(SmallConfig("llama", false));
  const json tokenizer = json::parse(folder_.Read("tokenizer_config.json"));
  EXPECT_EQ(tokenizer["eos_token"], "<|endoftext|>");
  EXPECT_EQ(tokenizer["model_max_length"], 32);
  const json generation = json::parse(folder_.Read("generation_config.json"));
  EXPECT_EQ(generation["eos_token_id"], 0);
}

TEST_F(CheckpointTest, TheHashIgnoresTheOrderInTheFile) {
  const ParamSet params = Write(SmallConfig("qwen2", false));
  std::vector<Tensor> tensors = ReadTensors();
  std::reverse(tensors.begin(), tensors.end());
  WriteTensors("model.safetensors", tensors);
  const auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(read->params), HashParams(params));
}

TEST_F(CheckpointTest, ShardsAreOneModel) {
  const ParamSet params = Write(SmallConfig("llama", false));
  WriteShards();
  const auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(read->params), HashParams(params));
}

TEST_F(CheckpointTest, GenerationConfigOutranksConfig) {
  Write(SmallConfig("llama", false));
  folder_.Write("generation_config.json",
                R"({"eos_token_id": [3, 1], "temperature": 0.6})");
  const auto read = LoadModelFolder(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->config.eos_token_ids, ElementsAre(3, 1));
  folder_.Write("generation_config.json", R"({"eos_token_id": 260})");
  ExpectError(Load(), "\"eos_token_id\" must be an integer in [0, 259]",
              "eos out of range");
  folder_.Write("generation_config.json", "[]");
  ExpectError(Load(), "generation_config.json: must be an object", "array");
}

TEST_F(CheckpointTest, MissingFilesAreNamed) {
  for (const char* name :
       {"config.json", "model.safetensors", "tokenizer.json"}) {
    Write(SmallConfig("llama", false));
    Remove(name);
    const absl::Status status = Load();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  ASSERT_EQ(LoadModelFolder("/nonexistent/model").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CheckpointTest, PickledWeightsAreRefused) {
  for (const char* name : {"pytorch_model.bin", "model.pt",
                           "pytorch_model-00001-of-00002.bin", "x.ckpt"}) {
    Write(SmallConfig("llama", false));
    Remove("model.safetensors");
    folder_.Write(name, "\x80\x02.");
    ExpectError(Load(), absl::StrCat(name, ": pickled weights are refused"),
                name);
    Remove(name);
  }
}

TEST_F(CheckpointTest, FoldersAndFifosAreNoFiles) {
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors",
                           "generation_config.json"}) {
    Write(SmallConfig("llama", false));
    Remove(name);
    ASSERT_TRUE(MakeDirectories(folder_.File(name)).ok());
    ExpectError(Load(), "is not a regular file", name);
    Remove(name);
    ASSERT_EQ(::mkfifo(folder_.File(name).c_str(), 0600), 0);
    ExpectError(Load(), "is not a regular file", name);
    Remove(name);
  }
}

TEST_F(CheckpointTest, LinkedFilesAreRead) {
  const ParamSet params = Write(SmallConfig("llama", false));
  TemporaryFolder links;  // as in the cache of Hugging Face's hub
  for (const char* name :
       {"config.json", "tokenizer.json", "model.safetensors"}) {
    std::filesystem::create_symlink(folder_.File(name), links.File(name));
  }
  const auto read = LoadModelFolder(links.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(read->params), HashParams(params));
}

TEST_F(CheckpointTest, TensorsMustBeThoseOfTheConfig) {
  Write(SmallConfig("qwen2", false));
  const std::vector<Tensor> good = ReadTensors();
  const auto load_with =
      [&](const std::function<void(std::vector<Tensor>*)>& edit) {
        std::vector<Tensor> tensors = good;
        edit(&tensors);
        WriteTensors("model.safetensors", tensors);
        return Load();
      };
  ExpectError(load_with([](auto* t) { t->erase(t->begin()); }),
              "lacks 1 tensor(s) that config.json asks for: lm_head.weight",
              "missing");
  ExpectError(load_with([](auto* t) { t->clear(); }), "and 11 more", "none");
  ExpectError(load_with([](auto* t) {
                (*t)[1].shape = {8, 260};
              }),
              "\"model.embed_tokens.weight\" has shape [8, 260], expected "
              "[260, 8]",
              "transposed");
  ExpectError(load_with([](auto* t) { (*t)[1].shape = {2080}; }),
              "has shape [2080], expected [260, 8]", "flat");
  ExpectError(load_with([](auto* t) {
                (*t)[1].shape = {260, 8, 1};
              }),
              "has shape [260, 8, 1], expected [260, 8]", "rank 3");
  ExpectError(load_with([](auto* t) {
                (*t)[2].shape = {8, 1};
              }),
              "has shape [8, 1], expected [8]", "vector as matrix");
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    ExpectError(
        load_with([&](auto* t) { (*t)[3].values.back() = bad; }),
        absl::StrCat("\"", good[3].name, "\" holds a value that is not finite"),
        "not finite");
  }
  EXPECT_TRUE(load_with([](auto*) {}).ok());
}

TEST_F(CheckpointTest, FamiliesAreNotTakenForEachOther) {
  Write(SmallConfig("qwen2", false));
  EditJson("config.json", [](json* c) {
    (*c)["model_type"] = "llama";
    (*c)["architectures"] = {"LlamaForCausalLM"};
  });
  ExpectError(Load(), "has 3 tensor(s) that a llama model", "biases");
  Write(SmallConfig("llama", true));
  EditJson("config.json", [](json* c) { (*c)["tie_word_embeddings"] = false; });
  ExpectError(Load(), "lacks 1 tensor(s)", "untied");
}

TEST_F(CheckpointTest, IntegersAreNoWeights) {
  Write(SmallConfig("llama", false));
  std::string bytes = folder_.Read("model.safetensors");
  const size_t at = bytes.find("\"F32\"");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 5, "\"I32\"");
  folder_.Write("model.safetensors", bytes);
  ExpectError(Load(), "has dtype I32, expected F32, F16 or BF16", "I32");
}

TEST_F(CheckpointTest, TheTokenizerMustFitTheModel) {
  ModelConfig config = SmallConfig("llama", false);
  config.vocab_size = 257;
  Write(config);
  ExpectError(Load(),
              "tokenizer.json: token \"aa\" of the vocabulary has id 257, but "
              "the model's vocab_size is 257",
              "small vocabulary");
}

TEST_F(CheckpointTest, AddedTokensMayLieBeyondTheEmbeddings) {
  const ModelConfig config = SmallConfig("llama", false);
  const struct {
    const char* content;
    int64_t id;
    bool is_special;
  } kAdded[] = {{"<pad>", config.vocab_size, true},
                {"<think>", config.vocab_size, false},
                {"[PAD]", config.vocab_size + 40, true},
                {"<|im_start|>", config.vocab_size + 1, true},
                {"<unk>", config.vocab_size, true}};
  for (const auto& added : kAdded) {
    Write(config);
    EditJson("tokenizer.json", [&](json* t) {
      (*t)["added_tokens"].push_back({{"id", added.id},
                                      {"content", added.content},
                                      {"special", added.is_special}});
    });
    const auto folder = LoadModelFolder(folder_.path());
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_TRUE(folder->tokenizer->Encode("any text", true).ok());
    ExpectError(folder->tokenizer->Encode(added.content, true).status(),
                "lies beyond the model's vocab_size", added.content);
  }
}

// Changes of an index's weight_map.
struct BadIndex {
  const char* what;
  void (*edit)(json* map);
  const char* message;
};
constexpr BadIndex kBadIndices[] = {
    {"parent folder",
     [](json* map) { (*map)["model.norm.weight"] = "../b.safetensors"; },
     "\"../b.safetensors\" is not the name of a .safetensors file"},
    {"absolute path",
     [](json* map) { (*map)["model.norm.weight"] = "/tmp/b.safetensors"; },
     "is not the name of a .safetensors file"},
    {"subfolder",
     [](json* map) { (*map)["model.norm.weight"] = "x/b.safetensors"; },
     "is not the name of a .safetensors file"},
    {"zero byte",
     [](json* map) {
       (*map)["model.norm.weight"] = std::string("b\0.safetensors", 14);
     },
     "is not the name of a .safetensors file"},
    {"hidden file",
     [](json* map) { (*map)["model.norm.weight"] = ".b.safetensors"; },
     "is not the name of a .safetensors file"},
    {"empty name", [](json* map) { (*map)["model.norm.weight"] = ""; },
     "is not the name of a .safetensors file"},
    {"pickle", [](json* map) { (*map)["model.norm.weight"] = "b.bin"; },
     "is not the name of a .safetensors file"},
    {"number", [](json* map) { (*map)["model.norm.weight"] = 1; },
     "must be a string, found 1"},
    {"absent shard",
     [](json* map) { (*map)["model.norm.weight"] = "c.safetensors"; },
     "c.safetensors"},
    {"nothing listed", [](json* map) { *map = json::object(); },
     "needs a \"weight_map\" object"},
    {"a list", [](json* map) { *map = json::array(); },
     "needs a \"weight_map\" object"},
};

TEST_F(CheckpointTest, IndexAndShardsMustAgree) {
  Write(SmallConfig("llama", false));
  const json good = WriteShards();
  for (const BadIndex& c : kBadIndices) {
    json index = good;
    c.edit(&index["weight_map"]);
    folder_.Write(kIndex, index.dump());
    ExpectError(Load(), c.message, c.what);
  }
  folder_.Write(kIndex, good.dump());
  EXPECT_TRUE(Load().ok());
  folder_.Write(kIndex, R"({"weight_map": {"a": "x", "a": "x"}})");
  ExpectError(Load(), "given twice", "duplicate key");
  folder_.Write(kIndex, "{}");
  ExpectError(Load(), "needs a \"weight_map\"", "empty index");
}

TEST_F(CheckpointTest, ATensorInTwoShardsIsRefused) {
  Write(SmallConfig("llama", false));
  const std::vector<Tensor> all = ReadTensors();
  WriteShards();
  WriteTensors("b.safetensors", all);
  ExpectError(Load(), "is in another shard as well", "duplicate");
}

TEST_F(CheckpointTest, TwoSetsOfWeightsAreRefused) {
  Write(SmallConfig("llama", false));
  WriteShards();
  folder_.Write("model.safetensors", "");
  ExpectError(Load(), "has both model.safetensors and", "both");
}

TEST_F(CheckpointTest, AHugeConfigNeedsNoMemory) {
  Write(SmallConfig("llama", false));
  EditJson("config.json", [](json* c) {
    (*c)["vocab_size"] = 1 << 24;
    (*c)["hidden_size"] = 1 << 17;
    (*c)["intermediate_size"] = 1 << 20;
    (*c)["num_hidden_layers"] = 1024;
  });
  ExpectError(Load(), "has shape [260, 8], expected [16777216, 131072]",
              "2^51 weights");
}

}  // namespace
}  // namespace r1
