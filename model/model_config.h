// Shape of a dense decoder, read from and written to Hugging Face config.json.
// Families: Llama, Qwen2/2.5 (bias on q, k, v), Qwen3 (QK-norm, own head size).
#ifndef R1_MODEL_MODEL_CONFIG_H_
#define R1_MODEL_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/dtype.h"

namespace r1 {

// How rotary frequencies are stretched over a longer context (model/rope.h).
struct RopeScaling {
  enum class Kind { kNone, kLinear, kLlama3, kYarn };
  Kind kind = Kind::kNone;
  double factor = 1;                                // of the context
  int64_t original_max_position_embeddings = 8192;  // llama3, yarn
  // llama3: bounds, as parts of the original context, between whose wavelengths
  // frequencies are interpolated.
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  // yarn: turns within the original context above which a frequency stays and
  // below which it is divided.
  double beta_fast = 32;
  double beta_slow = 1;
  bool truncate = true;         // yarn: the bounds fall on whole pairs
  double attention_factor = 1;  // yarn: of cosines and sines

  bool operator==(const RopeScaling&) const = default;
};

// What stands on the final norm: logits of the vocabulary (a language model),
// or one number, the score of the text so far (a reward model).
enum class ModelHead { kVocabulary, kScore };

struct ModelConfig {
  ModelHead head = ModelHead::kVocabulary;
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
  // The context: max_position_embeddings, or what yarn stretches it to.
  int64_t max_positions = 0;
  bool tie_embeddings = false;
  int32_t bos_token_id = -1;           // -1: none
  std::vector<int32_t> eos_token_ids;  // any of them ends a sequence
  // Of a reward model: what may stand behind a text; -1: none. transformers
  // scores the last token that is another one.
  int32_t pad_token_id = -1;
  // How PolicyWeights hold the matrices. The run's choice: config.json's
  // "torch_dtype" tells how some file was written.
  DType weights_dtype = DType::kF32;
  // config.json as read, so that unknown keys survive a save; empty for a
  // model made here.
  std::string source_json;

  bool qkv_bias() const { return model_type == "qwen2"; }
  bool qk_norm() const { return model_type == "qwen3"; }
  int64_t q_size() const { return int64_t{num_heads} * head_dim; }
  int64_t kv_size() const { return int64_t{num_kv_heads} * head_dim; }
};

// A reward model is one whose "architectures" name a class
// …ForSequenceClassification; any other is a language model.
// Errors: InvalidArgument naming the key, what was expected and found, among it
// a model with another head than the caller can use; Unimplemented for
// families, activations, RoPE kinds, sliding windows or quantised weights that
// this program does not compute.
absl::StatusOr<ModelConfig> ModelConfigFromJson(
    absl::string_view json, ModelHead head = ModelHead::kVocabulary);

// transformers' class of a model, e.g. "LlamaForCausalLM"; empty for a
// model_type this program does not know.
std::string ArchitectureOf(absl::string_view model_type, ModelHead head);

// config.json that `transformers` loads; keeps unknown keys of source_json.
std::string ModelConfigToJson(const ModelConfig& config);

}  // namespace r1

#endif  // R1_MODEL_MODEL_CONFIG_H_
