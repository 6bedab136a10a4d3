// The models of the benchmarks: Llama shapes of 1 M, 10 M and 135 M
// parameters.
#ifndef R1_BENCH_MODEL_SHAPES_H_
#define R1_BENCH_MODEL_SHAPES_H_

#include <cstdint>

#include "model/model_config.h"

namespace r1 {

struct ModelShape {
  const char* name;
  int layers, hidden, heads, kv_heads, ffn, vocab;
};
inline constexpr ModelShape kModelShapes[] = {
    {"1M", 5, 128, 4, 2, 384, 512},
    {"10M", 12, 256, 8, 4, 768, 4096},
    {"135M", 30, 576, 9, 3, 1536, 49152},
};

inline ModelConfig ConfigOf(const ModelShape& shape, int64_t max_positions) {
  ModelConfig config;
  config.vocab_size = shape.vocab;
  config.hidden_size = shape.hidden;
  config.intermediate_size = shape.ffn;
  config.num_layers = shape.layers;
  config.num_heads = shape.heads;
  config.num_kv_heads = shape.kv_heads;
  config.head_dim = shape.hidden / shape.heads;
  config.max_positions = max_positions;
  config.tie_embeddings = true;
  return config;
}

}  // namespace r1

#endif  // R1_BENCH_MODEL_SHAPES_H_
