#include <cstdlib>
#include <utility>

#include "absl/strings/str_format.h"
#include "model/model_config.h"
#include "model/rope_config.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

// The double whose decimal form is the shortest that reads back as `value`:
// 1e-5f becomes 1e-05, not 9.999999747378752e-06.
double ShortestDouble(float value) {
  for (int digits = 1; digits < 9; ++digits) {
    const std::string text = absl::StrFormat("%.*g", digits, value);
    const double parsed = std::strtod(text.c_str(), nullptr);
    if (static_cast<float>(parsed) == value) return parsed;
  }
  return value;
}

void WriteTokens(const ModelConfig& config, Json* json) {
  const auto& eos = config.eos_token_ids;
  (*json)["eos_token_id"] = eos.empty()       ? Json(nullptr)
                            : eos.size() == 1 ? Json(eos[0])
                                              : Json(eos);
  (*json)["bos_token_id"] =
      config.bos_token_id < 0 ? Json(nullptr) : Json(config.bos_token_id);
}

}  // namespace

std::string ModelConfigToJson(const ModelConfig& config) {
  Json json = Json::object();
  auto source = ParseStrictJson(config.source_json);
  if (source.ok() && source->is_object()) json = *std::move(source);
  json["architectures"] = {ArchitectureOf(config.model_type, config.head)};
  if (config.head == ModelHead::kScore) {
    // transformers counts the labels of a classifier by their names.
    json["id2label"] = {{"0", "LABEL_0"}};
    json["label2id"] = {{"LABEL_0", 0}};
    json["pad_token_id"] =
        config.pad_token_id < 0 ? Json(nullptr) : Json(config.pad_token_id);
  }
  json["model_type"] = config.model_type;
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = config.num_layers;
  json["num_attention_heads"] = config.num_heads;
  json["num_key_value_heads"] = config.num_kv_heads;
  json["head_dim"] = config.head_dim;
  json["hidden_act"] = "silu";
  json["rms_norm_eps"] = ShortestDouble(config.rms_norm_eps);
  json["max_position_embeddings"] = config.max_positions;
  json["tie_word_embeddings"] = config.tie_embeddings;
  if (config.model_type == "llama") {
    json["attention_bias"] = false;
    json["mlp_bias"] = false;
  } else if (config.model_type == "qwen3") {
    json["attention_bias"] = false;
  }
  WriteRope(config, &json);
  WriteTokens(config, &json);
  // Weights are always written in fp32, whatever was read.
  if (json.contains("dtype")) json["dtype"] = "float32";
  if (!json.contains("dtype") || json.contains("torch_dtype")) {
    json["torch_dtype"] = "float32";
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace r1
