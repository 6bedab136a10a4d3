#include "model/model_config.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr absl::string_view kFile = "config.json";

// Far above any known model, and low enough that no product of two or three of
// them overflows 64 bits.
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxHidden = int64_t{1} << 17;
constexpr int64_t kMaxIntermediate = int64_t{1} << 20;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxHeadDim = 4096;
constexpr int64_t kMaxPositions = int64_t{1} << 21;
// Positions times channels per head: the rotary table holds so many floats.
constexpr int64_t kMaxRotary = int64_t{1} << 29;

struct Family {
  absl::string_view model_type;
  absl::string_view architecture;
};
constexpr std::array<Family, 3> kFamilies = {{
    {"llama", "LlamaForCausalLM"},
    {"qwen2", "Qwen2ForCausalLM"},
    {"qwen3", "Qwen3ForCausalLM"},
}};
constexpr absl::string_view kSupported =
    "supported are llama (LlamaForCausalLM), qwen2 (Qwen2ForCausalLM) and "
    "qwen3 (Qwen3ForCausalLM)";

absl::Status Missing(absl::string_view where, absl::string_view key) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": \"", key, "\" is missing"));
}

absl::Status NotComputed(absl::string_view key, const Json& value,
                         absl::string_view expected) {
  return absl::UnimplementedError(absl::StrCat(
      kFile, ": \"", key, "\" is ", DescribeJson(value),
      ", which this program does not compute; it supports ", expected));
}

absl::Status RequireInt(const Json& json, absl::string_view where,
                        absl::string_view key, int64_t high, int64_t* out) {
  R1_ASSIGN_OR_RETURN(const bool found,
                      ReadInt(json, where, key, 1, high, out));
  return found ? absl::OkStatus() : Missing(where, key);
}

absl::Status RequireInt(const Json& json, absl::string_view key, int64_t high,
                        int* out) {
  int64_t value = 0;
  R1_RETURN_IF_ERROR(RequireInt(json, kFile, key, high, &value));
  *out = static_cast<int>(value);
  return absl::OkStatus();
}

absl::Status ReadFamily(const Json& json, ModelConfig* config) {
  std::string model_type;
  R1_ASSIGN_OR_RETURN(const bool found,
                      ReadString(json, kFile, "model_type", &model_type));
  if (!found) return Missing(kFile, "model_type");
  const absl::string_view architecture = ArchitectureOf(model_type);
  if (architecture.empty()) {
    return absl::UnimplementedError(
        absl::StrCat(kFile, ": model_type \"", model_type, "\"; ", kSupported));
  }
  config->model_type = model_type;
  const Json* architectures = FindMember(json, "architectures");
  if (architectures == nullptr) return absl::OkStatus();
  if (!architectures->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kFile, ": \"architectures\" must be an array, found ",
                     DescribeJson(*architectures)));
  }
  for (const Json& name : *architectures) {
    if (name == std::string(architecture)) continue;
    return absl::UnimplementedError(
        absl::StrCat(kFile, ": architecture ", DescribeJson(name),
                     " of model_type \"", model_type, "\"; ", kSupported));
  }
  return absl::OkStatus();
}

// Switches whose other position changes the function.
absl::Status CheckSwitches(const Json& json, const ModelConfig& config) {
  std::string activation = "silu";
  R1_RETURN_IF_ERROR(
      ReadString(json, kFile, "hidden_act", &activation).status());
  if (activation != "silu") {
    return NotComputed("hidden_act", activation, "\"silu\"");
  }
  // Qwen2's q, k, v always have a bias, whatever the file says.
  for (absl::string_view key :
       {"attention_bias", "mlp_bias", "use_sliding_window"}) {
    if (key == "attention_bias" && config.qkv_bias()) continue;
    bool is_on = false;
    R1_RETURN_IF_ERROR(ReadBool(json, kFile, key, &is_on).status());
    if (is_on) return NotComputed(key, true, "false");
  }
  double rotary = 1;
  R1_RETURN_IF_ERROR(
      ReadDouble(json, kFile, "partial_rotary_factor", 0, 1, &rotary).status());
  if (rotary != 1) return NotComputed("partial_rotary_factor", rotary, "1");
  const Json* quantization = FindMember(json, "quantization_config");
  if (quantization != nullptr) {
    return NotComputed("quantization_config", *quantization,
                       "F32, F16 and BF16 weights");
  }
  const Json* layer_types = FindMember(json, "layer_types");
  if (layer_types == nullptr) return absl::OkStatus();
  if (!layer_types->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kFile, ": \"layer_types\" must be an array, found ",
                     DescribeJson(*layer_types)));
  }
  for (const Json& type : *layer_types) {
    if (type != "full_attention") {
      return NotComputed("layer_types", type, "\"full_attention\"");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadHeads(const Json& json, ModelConfig* config) {
  R1_RETURN_IF_ERROR(
      RequireInt(json, "num_attention_heads", kMaxHeads, &config->num_heads));
  int64_t kv_heads = config->num_heads;
  R1_ASSIGN_OR_RETURN(
      const bool has_kv_heads,
      ReadInt(json, kFile, "num_key_value_heads", 1, kMaxHeads, &kv_heads));
  // Files of the first Llama models have no such key: as many as heads. The
  // other families' default is another number, so they must say it.
  if (!has_kv_heads && config->model_type != "llama") {
    return Missing(kFile, "num_key_value_heads");
  }
  config->num_kv_heads = static_cast<int>(kv_heads);
  if (config->num_heads % config->num_kv_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        kFile, ": num_attention_heads ", config->num_heads,
        " is not a multiple of num_key_value_heads ", config->num_kv_heads));
  }
  int64_t head_dim = 0;
  R1_ASSIGN_OR_RETURN(
      const bool has_head_dim,
      ReadInt(json, kFile, "head_dim", 1, kMaxHeadDim, &head_dim));
  if (!has_head_dim && config->model_type == "qwen3") {
    return Missing(kFile, "head_dim");
  }
  if (!has_head_dim) {
    if (config->hidden_size % config->num_heads != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(kFile, ": hidden_size ", config->hidden_size,
                       " is not a multiple of num_attention_heads ",
                       config->num_heads, ", and there is no head_dim"));
    }
    head_dim = config->hidden_size / config->num_heads;
  }
  if (head_dim % 2 != 0 || head_dim > kMaxHeadDim) {
    return absl::InvalidArgumentError(
        absl::StrCat(kFile, ": head_dim must be even and at most ", kMaxHeadDim,
                     ", found ", head_dim));
  }
  config->head_dim = static_cast<int>(head_dim);
  return absl::OkStatus();
}

absl::Status ReadLlama3Scaling(const Json& rope, absl::string_view where,
                               ModelConfig* config) {
  RopeScaling* scaling = &config->rope_scaling;
  struct {
    absl::string_view key;
    double low;
    double* value;
  } fields[] = {{"factor", 1, &scaling->factor},
                {"low_freq_factor", 1e-6, &scaling->low_freq_factor},
                {"high_freq_factor", 1e-6, &scaling->high_freq_factor}};
  for (const auto& field : fields) {
    R1_ASSIGN_OR_RETURN(
        const bool found,
        ReadDouble(rope, where, field.key, field.low, 1e6, field.value));
    if (!found) return Missing(where, field.key);
  }
  R1_RETURN_IF_ERROR(RequireInt(rope, where, "original_max_position_embeddings",
                                kMaxPositions,
                                &scaling->original_max_position_embeddings));
  if (scaling->low_freq_factor >= scaling->high_freq_factor) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": low_freq_factor ", scaling->low_freq_factor,
        " must be below high_freq_factor ", scaling->high_freq_factor));
  }
  return absl::OkStatus();
}

// One of "rope_scaling" (older files) and "rope_parameters" (newer ones, with
// the base frequency inside).
absl::Status ReadRopeObject(const Json& json, absl::string_view key,
                            ModelConfig* config) {
  const Json* rope = FindMember(json, key);
  if (rope == nullptr) return absl::OkStatus();
  const std::string where = absl::StrCat(kFile, ": \"", key, "\"");
  if (!rope->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " must be an object, found ", DescribeJson(*rope)));
  }
  double theta = config->rope_theta;
  R1_ASSIGN_OR_RETURN(const bool has_theta,
                      ReadDouble(*rope, where, "rope_theta", 1, 1e15, &theta));
  if (has_theta && json.contains("rope_theta") && theta != config->rope_theta) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": rope_theta ", theta, " contradicts rope_theta ",
                     config->rope_theta, " outside"));
  }
  config->rope_theta = theta;
  double rotary = 1;
  R1_RETURN_IF_ERROR(
      ReadDouble(*rope, where, "partial_rotary_factor", 0, 1, &rotary)
          .status());
  if (rotary != 1) return NotComputed("partial_rotary_factor", rotary, "1");
  std::string type = "default";
  R1_RETURN_IF_ERROR(ReadString(*rope, where, "type", &type).status());
  R1_RETURN_IF_ERROR(ReadString(*rope, where, "rope_type", &type).status());
  if (type == "llama3") return ReadLlama3Scaling(*rope, where, config);
  if (type == "default") return absl::OkStatus();
  return NotComputed(absl::StrCat(key, ".rope_type"), type,
                     "\"default\" and \"llama3\"");
}

absl::Status ReadRope(const Json& json, ModelConfig* config) {
  // 10,000 is what all three families mean when the key is absent (the first
  // Llama files).
  R1_RETURN_IF_ERROR(
      ReadDouble(json, kFile, "rope_theta", 1, 1e15, &config->rope_theta)
          .status());
  if (FindMember(json, "rope_scaling") != nullptr &&
      FindMember(json, "rope_parameters") != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        kFile, ": has both \"rope_scaling\" and \"rope_parameters\""));
  }
  R1_RETURN_IF_ERROR(ReadRopeObject(json, "rope_scaling", config));
  return ReadRopeObject(json, "rope_parameters", config);
}

absl::Status ReadTokens(const Json& json, ModelConfig* config) {
  int64_t bos = -1;
  const int64_t last = config->vocab_size - 1;
  R1_RETURN_IF_ERROR(
      ReadInt(json, kFile, "bos_token_id", 0, last, &bos).status());
  config->bos_token_id = static_cast<int32_t>(bos);
  const Json* eos = FindMember(json, "eos_token_id");
  if (eos == nullptr) return absl::OkStatus();
  const Json list = eos->is_array() ? *eos : Json::array({*eos});
  for (const Json& item : list) {
    const Json one = {{"eos_token_id", item}};
    int64_t id = -1;
    R1_ASSIGN_OR_RETURN(const bool found,
                        ReadInt(one, kFile, "eos_token_id", 0, last, &id));
    if (!found) return Missing(kFile, "eos_token_id");
    config->eos_token_ids.push_back(static_cast<int32_t>(id));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view ArchitectureOf(absl::string_view model_type) {
  for (const Family& family : kFamilies) {
    if (family.model_type == model_type) return family.architecture;
  }
  return "";
}

absl::StatusOr<ModelConfig> ModelConfigFromJson(absl::string_view text) {
  auto parsed = ParseStrictJson(text);
  if (!parsed.ok()) return Annotate(parsed.status(), kFile);
  const Json& json = *parsed;
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kFile, ": must be an object, found ", DescribeJson(json)));
  }
  ModelConfig config;
  R1_RETURN_IF_ERROR(ReadFamily(json, &config));
  R1_RETURN_IF_ERROR(CheckSwitches(json, config));
  R1_RETURN_IF_ERROR(
      RequireInt(json, kFile, "vocab_size", kMaxVocab, &config.vocab_size));
  R1_RETURN_IF_ERROR(
      RequireInt(json, kFile, "hidden_size", kMaxHidden, &config.hidden_size));
  R1_RETURN_IF_ERROR(RequireInt(json, kFile, "intermediate_size",
                                kMaxIntermediate, &config.intermediate_size));
  R1_RETURN_IF_ERROR(
      RequireInt(json, "num_hidden_layers", kMaxLayers, &config.num_layers));
  R1_RETURN_IF_ERROR(ReadHeads(json, &config));
  R1_RETURN_IF_ERROR(RequireInt(json, kFile, "max_position_embeddings",
                                kMaxPositions, &config.max_positions));
  if (config.max_positions * config.head_dim > kMaxRotary) {
    return absl::InvalidArgumentError(absl::StrCat(
        kFile, ": max_position_embeddings ", config.max_positions,
        " times head_dim ", config.head_dim, " must be at most ", kMaxRotary,
        ": lower max_position_embeddings to the context in use"));
  }
  double eps = 0;
  R1_ASSIGN_OR_RETURN(const bool has_eps,
                      ReadDouble(json, kFile, "rms_norm_eps", 1e-30, 1, &eps));
  if (!has_eps) return Missing(kFile, "rms_norm_eps");
  config.rms_norm_eps = static_cast<float>(eps);
  R1_RETURN_IF_ERROR(ReadRope(json, &config));
  R1_RETURN_IF_ERROR(
      ReadBool(json, kFile, "tie_word_embeddings", &config.tie_embeddings)
          .status());
  R1_RETURN_IF_ERROR(ReadTokens(json, &config));
  config.source_json = std::string(text);
  return config;
}

}  // namespace r1
