// A small model folder on disk, its files to be changed, and the log.
#ifndef R1_TESTS_MODEL_CHECKPOINT_TEST_UTIL_H_
#define R1_TESTS_MODEL_CHECKPOINT_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "model/checkpoint.h"
#include "model/safetensors.h"
#include "model/strict_json.h"
#include "tests/model/file_test_util.h"
#include "tests/model/host_params.h"

namespace r1 {

using nlohmann::json;

inline ModelConfig SmallConfig(const std::string& model_type, bool is_tied) {
  ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 260;
  c.hidden_size = 8;
  c.intermediate_size = 12;
  c.num_layers = 1;
  c.num_heads = 2;
  c.num_kv_heads = 1;
  c.head_dim = 4;
  c.max_positions = 32;
  c.tie_embeddings = is_tied;
  c.eos_token_ids = {0};
  return c;
}

// What is logged while it lives.
class CapturedLog {
 public:
  CapturedLog() {
    SetLogSink([this](const std::string& line) { lines_.push_back(line); });
  }
  ~CapturedLog() { SetLogSink({}); }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// A folder that tests change and load.
class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest()
      : tokenizer_(
            *TrainTokenizer(std::vector<std::string>{"aa aa"}, 258, true)) {}

  // A whole folder, and its parameters.
  ParamSet Write(const ModelConfig& config) {
    ParamSet params(std::make_shared<const ParamLayout>(config));
    InitializeParams(4, &params);
    EXPECT_TRUE(
        WriteModelFolder(folder_.path(), config, params, tokenizer_).ok());
    return params;
  }
  absl::Status Load() { return LoadModelFolder(folder_.path()).status(); }
  void Remove(absl::string_view name) {
    ASSERT_TRUE(RemoveAll(folder_.File(name)).ok());
  }
  void EditJson(absl::string_view name,
                const std::function<void(json*)>& edit) {
    json value = json::parse(folder_.Read(name));
    edit(&value);
    folder_.Write(name, value.dump());
  }

  // Tensors of the folder's weights, to be written again otherwise.
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  std::vector<Tensor> ReadTensors() {
    std::vector<Tensor> tensors;
    const auto file = SafetensorsFile::Open(folder_.File("model.safetensors"));
    EXPECT_TRUE(file.ok()) << file.status();
    for (const auto& [name, entry] : (*file)->entries()) {
      Tensor t = {name, entry.shape, {}};
      t.values.resize((entry.end - entry.begin) / 4);
      EXPECT_TRUE((*file)->ReadFloat(entry, absl::MakeSpan(t.values)).ok());
      tensors.push_back(std::move(t));
    }
    return tensors;
  }
  void WriteTensors(absl::string_view name,
                    const std::vector<Tensor>& tensors) {
    std::vector<SafetensorsTensor> views;
    for (const Tensor& t : tensors)
      views.push_back(FileTensor(t.name, t.shape, t.values));
    EXPECT_TRUE(WriteSafetensors(folder_.File(name), views).ok());
  }
  // Cuts the weights into two shards and an index.
  json WriteShards() {
    std::vector<Tensor> tensors = ReadTensors();
    json map;
    const size_t half = tensors.size() / 2;
    for (size_t i = 0; i < tensors.size(); ++i) {
      map[tensors[i].name] = i < half ? "a.safetensors" : "b.safetensors";
    }
    WriteTensors("a.safetensors", {tensors.begin(), tensors.begin() + half});
    WriteTensors("b.safetensors", {tensors.begin() + half, tensors.end()});
    Remove("model.safetensors");
    const json index = {{"metadata", {{"total_size", 1}}}, {"weight_map", map}};
    folder_.Write(kIndex, index.dump());
    return index;
  }

  static constexpr char kIndex[] = "model.safetensors.index.json";
  TemporaryFolder folder_;
  Tokenizer tokenizer_;
};

}  // namespace r1

#endif  // R1_TESTS_MODEL_CHECKPOINT_TEST_UTIL_H_
