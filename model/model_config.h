// Shape of a dense decoder, read from and written to Hugging Face config.json.
// Families: Llama, Qwen2/2.5 (bias on q, k, v), Qwen3 (QK-norm, own head size).
#ifndef R1_MODEL_MODEL_CONFIG_H_
#define R1_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// Llama 3 frequency scaling; factor = 1 means none. (Llama 3.1 model card;
// wavelengths between the two bounds are interpolated.)
struct RopeScaling {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  int64_t original_max_position_embeddings = 8192;
};

struct ModelConfig {
  std::string model_type = "llama";  // "llama", "qwen2" or "qwen3"
  int64_t vocab_size = 0;            // V
  int64_t hidden_size = 0;           // C
  int64_t intermediate_size = 0;     // F
  int num_layers = 0;                // L
  int num_heads = 0;                 // H
  int num_kv_heads = 0;              // K
  int head_dim = 0;                  // D, even
  float rms_norm_eps = 1e-5f;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  int64_t max_positions = 0;
  bool tie_embeddings = false;
  int32_t bos_token_id = -1;           // -1: none
  std::vector<int32_t> eos_token_ids;  // any of them ends a sequence
  // config.json as read, so that unknown keys survive a save; empty for a
  // model made here.
  std::string source_json;

  bool qkv_bias() const { return model_type == "qwen2"; }
  bool qk_norm() const { return model_type == "qwen3"; }
  int64_t q_size() const { return int64_t{num_heads} * head_dim; }
  int64_t kv_size() const { return int64_t{num_kv_heads} * head_dim; }
};

// transformers' class of a family, "LlamaForCausalLM"; empty for a model_type
// this program does not know.
absl::string_view ArchitectureOf(absl::string_view model_type);

// Errors: InvalidArgument naming the key, what was expected and found;
// Unimplemented for architectures, activations, RoPE kinds, sliding windows or
// quantised weights that this program does not compute.
absl::StatusOr<ModelConfig> ModelConfigFromJson(absl::string_view json);

// config.json that `transformers` loads; keeps unknown keys of source_json.
std::string ModelConfigToJson(const ModelConfig& config);

}  // namespace r1

#endif  // R1_MODEL_MODEL_CONFIG_H_
