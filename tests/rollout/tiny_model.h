// Small random models for the tests of this room.
#ifndef R1_TESTS_ROLLOUT_TINY_MODEL_H_
#define R1_TESTS_ROLLOUT_TINY_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/philox.h"
#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "model/tokenizer.h"
#include "model/weights.h"
#include "tests/model/host_params.h"

namespace r1 {

// Odd sizes on purpose: no width is a multiple of a SIMD register.
inline ModelConfig TinyConfig() {
  ModelConfig config;
  config.vocab_size = 301;
  config.hidden_size = 36;
  config.intermediate_size = 50;
  config.num_layers = 2;
  config.num_heads = 6;
  config.num_kv_heads = 3;
  config.head_dim = 6;
  config.max_positions = 160;
  config.tie_embeddings = true;
  config.eos_token_ids = {0};
  return config;
}

// Weights ten times the usual size, so that distributions are far from
// uniform and a wrong key or position shows.
inline ParamSet TinyParams(const ModelConfig& config, uint64_t seed) {
  ParamSet params(std::make_shared<ParamLayout>(config));
  InitializeParams(seed, &params);
  for (const TensorSpec& t : params.layout().tensors()) {
    if (t.cols == 0) continue;
    for (float& x : Elements(params, params.layout().Find(t.name))) x *= 10;
  }
  return params;
}
inline std::shared_ptr<PolicyWeights> TinyWeights(const ModelConfig& config,
                                                  uint64_t seed, Ops* ops) {
  auto weights = std::make_shared<PolicyWeights>(config, CpuDevice());
  weights->Assign(TinyParams(config, seed), ops);
  return weights;
}

// As many tokens as TinyConfig's vocabulary.
inline std::string TinyTokenizerJson() {
  const std::vector<std::string> texts = {
      "the cat sat on the mat and the dog sat on the log; then the cat and "
      "the dog ate the rat that sat on the hat of the man in the van"};
  return TrainTokenizer(texts, 301, true)->ToJson();
}

// `length` random token ids, never an end token.
inline std::vector<int32_t> RandomTokens(const ModelConfig& config,
                                         uint64_t seed, int length) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::vector<int32_t> tokens;
  for (int i = 0; i < length; ++i) {
    tokens.push_back(1 + random.NextBelow(config.vocab_size - 1));
  }
  return tokens;
}

}  // namespace r1

#endif  // R1_TESTS_ROLLOUT_TINY_MODEL_H_
