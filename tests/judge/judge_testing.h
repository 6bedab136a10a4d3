// A tiny reward model with weights at which nothing degenerates.
#ifndef R1_TESTS_JUDGE_JUDGE_TESTING_H_
#define R1_TESTS_JUDGE_JUDGE_TESTING_H_

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/philox.h"
#include "judge/reward_model.h"
#include "learner/journal.h"
#include "tests/model/host_params.h"

namespace r1 {

inline ModelConfig TinyJudge(const std::string& model_type = "llama") {
  ModelConfig c;
  c.head = ModelHead::kScore;
  c.model_type = model_type;
  c.vocab_size = 257;
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = model_type == "qwen3" ? 10 : 6;
  c.max_positions = 128;
  c.tie_embeddings = model_type != "qwen3";
  c.eos_token_ids = {0};
  c.pad_token_id = 0;
  return c;
}

inline ParamSet RandomParams(const ModelConfig& config) {
  ParamSet params(std::make_shared<const ParamLayout>(config));
  RandomSequence random(11, RandomStream::kInit, 0, 0);
  for (float& p : Flat(params)) p = 0.3f * random.NextNormal();
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    if (!absl::StrContains(params.layout().tensor(i).name, "norm")) continue;
    for (float& p : Elements(params, i)) p += 1;
  }
  return params;
}

// Tokens 1 to 256: none is padding.
inline std::vector<int32_t> RandomText(int count, int seed) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = 1 + random.NextBelow(256);
  return tokens;
}

// Id 0 ends a text, 1 to 256 are the bytes.
inline std::shared_ptr<const Tokenizer> ByteTokenizer() {
  return std::make_shared<const Tokenizer>(*TrainTokenizer({}, 257, true));
}

inline double MetricOf(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  return std::nan("");
}

}  // namespace r1

#endif  // R1_TESTS_JUDGE_JUDGE_TESTING_H_
