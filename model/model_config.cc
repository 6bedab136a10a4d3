#include "model/model_config.h"

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/config_json.h"
#include "model/rope_config.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

// Far above any known model, and low enough that no product of two or three of
// them overflows 64 bits.
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxHidden = int64_t{1} << 17;
constexpr int64_t kMaxIntermediate = int64_t{1} << 20;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxHeadDim = 4096;
// Positions times channels per head: the rotary table holds so many floats.
constexpr int64_t kMaxRotary = int64_t{1} << 29;

struct Family {
  absl::string_view model_type;
  absl::string_view class_prefix;  // of transformers' classes
};
constexpr std::array<Family, 3> kFamilies = {{
    {"llama", "Llama"},
    {"qwen2", "Qwen2"},
    {"qwen3", "Qwen3"},
}};
constexpr absl::string_view kClassifier = "ForSequenceClassification";
constexpr absl::string_view kSupported =
    "supported are llama (LlamaForCausalLM), qwen2 (Qwen2ForCausalLM) and "
    "qwen3 (Qwen3ForCausalLM)";

absl::Status ReadFamily(const Json& json, ModelConfig* config) {
  std::string model_type;
  R1_ASSIGN_OR_RETURN(const bool found,
                      ReadString(json, kConfigFile, "model_type", &model_type));
  if (!found) return MissingMember(kConfigFile, "model_type");
  if (ArchitectureOf(model_type, config->head).empty()) {
    return absl::UnimplementedError(absl::StrCat(
        kConfigFile, ": model_type \"", model_type, "\"; ", kSupported));
  }
  config->model_type = model_type;
  return absl::OkStatus();
}

// The names of classes tell reward models alone: wrappers put their own there
// (FSDPLlamaForCausalLM, LlamaModel), and AutoModelForCausalLM goes by
// model_type, too. Whether the model is another one, its tensors tell.
absl::Status ReadHead(const Json& json, ModelHead wanted, ModelConfig* config) {
  const Json* architectures = FindMember(json, "architectures");
  std::string classifier;
  if (architectures != nullptr) {
    if (!architectures->is_array()) {
      return absl::InvalidArgumentError(absl::StrCat(
          kConfigFile, ": \"architectures\" must be an array, found ",
          DescribeJson(*architectures)));
    }
    for (const Json& name : *architectures) {
      if (name.is_string() &&
          absl::EndsWith(name.get_ref<const std::string&>(), kClassifier)) {
        classifier = name.get<std::string>();
      }
    }
  }
  config->head =
      classifier.empty() ? ModelHead::kVocabulary : ModelHead::kScore;
  if (config->head == wanted) return absl::OkStatus();
  if (wanted == ModelHead::kVocabulary) {
    return absl::InvalidArgumentError(absl::StrCat(
        kConfigFile, ": is a reward model, ", absl::CHexEscape(classifier),
        ", which scores texts and writes none; expected a language model"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      kConfigFile, ": is no reward model; expected \"architectures\": [\"",
      ArchitectureOf(config->model_type, ModelHead::kScore), "\"], found ",
      architectures == nullptr ? "none" : DescribeJson(*architectures)));
}

// Settings whose other value changes the function.
absl::Status CheckSwitches(const Json& json, const ModelConfig& config) {
  std::string activation = "silu";
  R1_RETURN_IF_ERROR(
      ReadString(json, kConfigFile, "hidden_act", &activation).status());
  if (activation != "silu" && activation != "swish") {
    return NotComputed("hidden_act", activation, "\"silu\"");
  }
  for (absl::string_view key : {"attention_bias", "mlp_bias"}) {
    // Qwen2's q, k, v always have a bias, whatever the file says.
    if (key == "attention_bias" && config.qkv_bias()) continue;
    bool is_on = false;
    R1_RETURN_IF_ERROR(ReadBool(json, kConfigFile, key, &is_on).status());
    if (is_on) return NotComputed(key, true, "false");
  }
  double rotary = 1;
  R1_RETURN_IF_ERROR(
      ReadDouble(json, kConfigFile, "partial_rotary_factor", 0, 1, &rotary)
          .status());
  if (rotary != 1) return NotComputed("partial_rotary_factor", rotary, "1");
  for (absl::string_view key :
       {"attn_logit_softcapping", "final_logit_softcapping", "clip_qkv"}) {
    const Json* value = FindMember(json, key);
    if (value != nullptr) return NotComputed(key, *value, "null");
  }
  const Json* quantization = FindMember(json, "quantization_config");
  if (quantization == nullptr) return absl::OkStatus();
  return NotComputed("quantization_config", *quantization,
                     "F32, F16 and BF16 weights");
}

// Whether any layer attends through a window, as transformers decides it.
absl::StatusOr<bool> HasWindowedLayer(const Json& json,
                                      const ModelConfig& config) {
  const Json* layer_types = FindMember(json, "layer_types");
  if (layer_types == nullptr) {
    bool is_on = false;
    int64_t first_layer = 28;
    R1_RETURN_IF_ERROR(
        ReadBool(json, kConfigFile, "use_sliding_window", &is_on).status());
    R1_RETURN_IF_ERROR(ReadInt(json, kConfigFile, "max_window_layers", 0,
                               kMaxLayers, &first_layer)
                           .status());
    // Files without the second key are refused, not guessed at.
    return is_on && (first_layer < config.num_layers ||
                     FindMember(json, "max_window_layers") == nullptr);
  }
  if (!layer_types->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kConfigFile, ": \"layer_types\" must be an array, found ",
                     DescribeJson(*layer_types)));
  }
  bool has_window = false;
  for (const Json& type : *layer_types) {
    if (type == "sliding_attention") {
      has_window = true;
    } else if (type != "full_attention") {
      return NotComputed("layer_types", type, "\"full_attention\"");
    }
  }
  return has_window;
}

// A window that holds the whole context changes nothing.
absl::Status CheckWindow(const Json& json, const ModelConfig& config) {
  R1_ASSIGN_OR_RETURN(const bool has_window, HasWindowedLayer(json, config));
  if (!has_window) return absl::OkStatus();
  const auto window = json.find("sliding_window");
  if (window == json.end()) {
    return FindMember(json, "layer_types") != nullptr
               ? NotComputed("layer_types", "sliding_attention",
                             "\"full_attention\"")
               : NotComputed("use_sliding_window", true, "false");
  }
  int64_t tokens = config.max_positions;
  R1_RETURN_IF_ERROR(
      ReadInt(json, kConfigFile, "sliding_window", 0, int64_t{1} << 40, &tokens)
          .status());
  if (tokens >= config.max_positions) return absl::OkStatus();
  return NotComputed("sliding_window", tokens,
                     "windows that hold the whole context: lower "
                     "max_position_embeddings to it");
}

absl::Status ReadHeads(const Json& json, ModelConfig* config) {
  R1_RETURN_IF_ERROR(RequireInt(json, kConfigFile, "num_attention_heads",
                                kMaxHeads, &config->num_heads));
  int64_t kv_heads = config->num_heads;
  R1_ASSIGN_OR_RETURN(const bool has_kv_heads,
                      ReadInt(json, kConfigFile, "num_key_value_heads", 1,
                              kMaxHeads, &kv_heads));
  // Files of the first Llama models have no such key: as many as heads. The
  // other families' default is another number, so they must say it.
  if (!has_kv_heads && config->model_type != "llama") {
    return MissingMember(kConfigFile, "num_key_value_heads");
  }
  config->num_kv_heads = static_cast<int>(kv_heads);
  if (config->num_heads % config->num_kv_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        kConfigFile, ": num_attention_heads ", config->num_heads,
        " is not a multiple of num_key_value_heads ", config->num_kv_heads));
  }
  int64_t head_dim = 0;
  R1_ASSIGN_OR_RETURN(
      const bool has_head_dim,
      ReadInt(json, kConfigFile, "head_dim", 1, kMaxHeadDim, &head_dim));
  if (!has_head_dim && config->model_type == "qwen3") {
    return MissingMember(kConfigFile, "head_dim");
  }
  if (!has_head_dim) {
    if (config->hidden_size % config->num_heads != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(kConfigFile, ": hidden_size ", config->hidden_size,
                       " is not a multiple of num_attention_heads ",
                       config->num_heads, ", and there is no head_dim"));
    }
    head_dim = config->hidden_size / config->num_heads;
  }
  if (head_dim % 2 != 0 || head_dim > kMaxHeadDim) {
    return absl::InvalidArgumentError(
        absl::StrCat(kConfigFile, ": head_dim must be even and at most ",
                     kMaxHeadDim, ", found ", head_dim));
  }
  config->head_dim = static_cast<int>(head_dim);
  return absl::OkStatus();
}

absl::Status ReadTokens(const Json& json, ModelConfig* config) {
  int64_t bos = -1;
  const int64_t last = config->vocab_size - 1;
  R1_RETURN_IF_ERROR(
      ReadInt(json, kConfigFile, "bos_token_id", 0, last, &bos).status());
  config->bos_token_id = static_cast<int32_t>(bos);
  if (config->head == ModelHead::kScore) {
    int64_t pad = -1;
    R1_RETURN_IF_ERROR(
        ReadInt(json, kConfigFile, "pad_token_id", 0, last, &pad).status());
    config->pad_token_id = static_cast<int32_t>(pad);
  }
  const Json* eos = FindMember(json, "eos_token_id");
  if (eos == nullptr) return absl::OkStatus();
  const Json list = eos->is_array() ? *eos : Json::array({*eos});
  for (const Json& item : list) {
    const Json one = {{"eos_token_id", item}};
    int64_t id = -1;
    R1_ASSIGN_OR_RETURN(
        const bool found,
        ReadInt(one, kConfigFile, "eos_token_id", 0, last, &id));
    if (!found) return MissingMember(kConfigFile, "eos_token_id");
    config->eos_token_ids.push_back(static_cast<int32_t>(id));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ArchitectureOf(absl::string_view model_type, ModelHead head) {
  for (const Family& family : kFamilies) {
    if (family.model_type != model_type) continue;
    return absl::StrCat(family.class_prefix, head == ModelHead::kScore
                                                 ? kClassifier
                                                 : "ForCausalLM");
  }
  return "";
}

absl::StatusOr<ModelConfig> ModelConfigFromJson(absl::string_view text,
                                                ModelHead head) {
  auto parsed = ParseStrictJson(text);
  if (!parsed.ok()) return Annotate(parsed.status(), kConfigFile);
  const Json& json = *parsed;
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        kConfigFile, ": must be an object, found ", DescribeJson(json)));
  }
  ModelConfig config;
  R1_RETURN_IF_ERROR(ReadFamily(json, &config));
  R1_RETURN_IF_ERROR(ReadHead(json, head, &config));
  R1_RETURN_IF_ERROR(CheckSwitches(json, config));
  R1_RETURN_IF_ERROR(RequireInt(json, kConfigFile, "vocab_size", kMaxVocab,
                                &config.vocab_size));
  R1_RETURN_IF_ERROR(RequireInt(json, kConfigFile, "hidden_size", kMaxHidden,
                                &config.hidden_size));
  R1_RETURN_IF_ERROR(RequireInt(json, kConfigFile, "intermediate_size",
                                kMaxIntermediate, &config.intermediate_size));
  R1_RETURN_IF_ERROR(RequireInt(json, kConfigFile, "num_hidden_layers",
                                kMaxLayers, &config.num_layers));
  R1_RETURN_IF_ERROR(ReadHeads(json, &config));
  R1_RETURN_IF_ERROR(RequireInt(json, kConfigFile, "max_position_embeddings",
                                kMaxPositions, &config.max_positions));
  R1_RETURN_IF_ERROR(ReadRope(json, &config));
  R1_RETURN_IF_ERROR(CheckWindow(json, config));
  if (config.max_positions * config.head_dim > kMaxRotary) {
    return absl::InvalidArgumentError(absl::StrCat(
        kConfigFile, ": max_position_embeddings ", config.max_positions,
        " times head_dim ", config.head_dim, " must be at most ", kMaxRotary,
        ": lower max_position_embeddings to the context in use"));
  }
  double eps = 0;
  R1_ASSIGN_OR_RETURN(
      const bool has_eps,
      ReadDouble(json, kConfigFile, "rms_norm_eps", 1e-30, 1, &eps));
  if (!has_eps) return MissingMember(kConfigFile, "rms_norm_eps");
  config.rms_norm_eps = static_cast<float>(eps);
  R1_RETURN_IF_ERROR(
      ReadBool(json, kConfigFile, "tie_word_embeddings", &config.tie_embeddings)
          .status());
  R1_RETURN_IF_ERROR(ReadTokens(json, &config));
  config.source_json = std::string(text);
  return config;
}

}  // namespace r1
