#include "model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "model/strict_json.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Llama 3.1 8B as published.
constexpr char kLlama31[] = R"({
  "architectures": ["LlamaForCausalLM"],
  "attention_bias": false, "attention_dropout": 0.0,
  "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009],
  "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
  "intermediate_size": 14336, "max_position_embeddings": 131072,
  "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32,
  "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
  "rms_norm_eps": 1e-05,
  "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
    "rope_type": "llama3"},
  "rope_theta": 500000.0, "tie_word_embeddings": false,
  "torch_dtype": "bfloat16", "transformers_version": "4.42.3",
  "use_cache": true, "vocab_size": 128256})";

// Qwen2.5 0.5B as published.
constexpr char kQwen25[] = R"({
  "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0,
  "bos_token_id": 151643, "eos_token_id": 151643, "hidden_act": "silu",
  "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864,
  "max_position_embeddings": 32768, "max_window_layers": 24,
  "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24,
  "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
  "sliding_window": 32768, "tie_word_embeddings": true,
  "torch_dtype": "bfloat16", "transformers_version": "4.40.1",
  "use_cache": true, "use_mrope": false, "use_sliding_window": false,
  "vocab_size": 151936})";

// Qwen3 8B, in the spelling of transformers 5.
constexpr char kQwen3[] = R"({
  "architectures": ["Qwen3ForCausalLM"], "attention_bias": false,
  "bos_token_id": 151643, "dtype": "bfloat16", "eos_token_id": 151645,
  "head_dim": 128, "hidden_act": "silu", "hidden_size": 4096,
  "intermediate_size": 12288, "layer_types": ["full_attention"],
  "max_position_embeddings": 40960, "model_type": "qwen3",
  "num_attention_heads": 32, "num_hidden_layers": 36,
  "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
  "rope_parameters": {"rope_theta": 1000000, "rope_type": "default"},
  "sliding_window": null, "tie_word_embeddings": false,
  "use_sliding_window": false, "vocab_size": 151936})";

ModelConfig Parse(absl::string_view text) {
  const auto config = ModelConfigFromJson(text);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(ModelConfig());
}

TEST(ModelConfig, ReadsLlama31) {
  const ModelConfig c = Parse(kLlama31);
  EXPECT_EQ(c.model_type, "llama");
  EXPECT_EQ(c.vocab_size, 128256);
  EXPECT_EQ(c.hidden_size, 4096);
  EXPECT_EQ(c.intermediate_size, 14336);
  EXPECT_EQ(c.num_layers, 32);
  EXPECT_EQ(c.num_heads, 32);
  EXPECT_EQ(c.num_kv_heads, 8);
  EXPECT_EQ(c.head_dim, 128);
  EXPECT_EQ(c.rms_norm_eps, 1e-5f);
  EXPECT_EQ(c.rope_theta, 500000);
  EXPECT_EQ(c.rope_scaling.factor, 8);
  EXPECT_EQ(c.rope_scaling.low_freq_factor, 1);
  EXPECT_EQ(c.rope_scaling.high_freq_factor, 4);
  EXPECT_EQ(c.rope_scaling.original_max_position_embeddings, 8192);
  EXPECT_EQ(c.max_positions, 131072);
  EXPECT_FALSE(c.tie_embeddings);
  EXPECT_EQ(c.bos_token_id, 128000);
  EXPECT_THAT(c.eos_token_ids, ElementsAre(128001, 128008, 128009));
  EXPECT_EQ(c.source_json, kLlama31);
  EXPECT_FALSE(c.qkv_bias());
}

TEST(ModelConfig, ReadsQwen) {
  const ModelConfig qwen2 = Parse(kQwen25);
  EXPECT_TRUE(qwen2.qkv_bias());
  EXPECT_TRUE(qwen2.tie_embeddings);
  EXPECT_EQ(qwen2.head_dim, 64);
  EXPECT_EQ(qwen2.rope_scaling.factor, 1);
  EXPECT_THAT(qwen2.eos_token_ids, ElementsAre(151643));
  const ModelConfig qwen3 = Parse(kQwen3);
  EXPECT_TRUE(qwen3.qk_norm());
  EXPECT_EQ(qwen3.q_size(), 4096);
  EXPECT_EQ(qwen3.kv_size(), 1024);
  EXPECT_EQ(qwen3.rope_theta, 1e6);
}

// A small Llama file with members replaced ("REMOVE": removed).
std::string Changed(const json& changes) {
  json base = json::parse(R"({
    "model_type": "llama", "vocab_size": 100, "hidden_size": 24,
    "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
    "max_position_embeddings": 64, "rope_theta": 10000.0})");
  for (const auto& [key, value] : changes.items()) {
    if (value == "REMOVE") {
      base.erase(key);
    } else {
      base[key] = value;
    }
  }
  return base.dump();
}

// Small files whose tables would take all memory.
TEST(ModelConfig, RefusesAContextThatNoMemoryHolds) {
  const json large = {{"max_position_embeddings", 1 << 20}, {"head_dim", 512}};
  EXPECT_EQ(Parse(Changed(large)).max_positions, 1 << 20);
  const json huge = {{"max_position_embeddings", 1 << 21}, {"head_dim", 4096}};
  const absl::Status status = ModelConfigFromJson(Changed(huge)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("max_position_embeddings 2097152"),
            absl::string_view::npos)
      << status;
}

TEST(ModelConfig, AbsentMembersMeanWhatTheFamilyMeans) {
  const ModelConfig c = Parse(Changed({{"num_key_value_heads", "REMOVE"},
                                       {"rope_theta", "REMOVE"},
                                       {"head_dim", nullptr},
                                       {"rope_scaling", nullptr},
                                       {"eos_token_id", nullptr},
                                       {"bos_token_id", nullptr}}));
  EXPECT_EQ(c.num_kv_heads, 4);
  EXPECT_EQ(c.head_dim, 6);
  EXPECT_EQ(c.rope_theta, 10000);
  EXPECT_FALSE(c.tie_embeddings);
  EXPECT_EQ(c.bos_token_id, -1);
  EXPECT_THAT(c.eos_token_ids, IsEmpty());
}

TEST(ModelConfig, AcceptsBothSpellingsOfRope) {
  const json llama3 = {{"factor", 32.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 32}};
  json old_style = llama3, new_style = llama3;
  old_style["type"] = "llama3";
  new_style["rope_type"] = "llama3";
  new_style["rope_theta"] = 777.0;
  const ModelConfig a =
      Parse(Changed({{"rope_theta", 777.0}, {"rope_scaling", old_style}}));
  const ModelConfig b = Parse(
      Changed({{"rope_theta", "REMOVE"}, {"rope_parameters", new_style}}));
  for (const ModelConfig& c : {a, b}) {
    EXPECT_EQ(c.rope_theta, 777);
    EXPECT_EQ(c.rope_scaling.factor, 32);
    EXPECT_EQ(c.rope_scaling.original_max_position_embeddings, 32);
  }
}

// Class names that wrappers and older programs leave behind.
TEST(ModelConfig, GoesByModelTypeNotByTheNameOfAClass) {
  for (const char* name :
       {"LlamaForCausalLM", "FSDPLlamaForCausalLM", "LlamaModel",
        "AutoModelForCausalLMWithValueHead", "LLaMAForCausalLM",
        "OptimizedModule", "PeftModelForCausalLM", "DeepSpeedEngine",
        "MistralForCausalLM"}) {
    const ModelConfig c = Parse(Changed({{"architectures", json({name})}}));
    EXPECT_EQ(c.model_type, "llama") << name;
    const json written = json::parse(ModelConfigToJson(c));
    EXPECT_EQ(written["architectures"], json({"LlamaForCausalLM"})) << name;
  }
}

TEST(ModelConfig, AClassifierIsARewardModel) {
  for (const char* name :
       {"LlamaForSequenceClassification", "FSDPLlamaForSequenceClassification",
        "Qwen2ForSequenceClassification"}) {
    const std::string text =
        Changed({{"architectures", json({name})}, {"pad_token_id", 3}});
    const auto config = ModelConfigFromJson(text, ModelHead::kScore);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->head, ModelHead::kScore);
    EXPECT_EQ(config->pad_token_id, 3);
    const json written = json::parse(ModelConfigToJson(*config));
    EXPECT_EQ(written["architectures"],
              json({"LlamaForSequenceClassification"}));
    EXPECT_EQ(written["id2label"], json({{"0", "LABEL_0"}}));
    EXPECT_EQ(written["label2id"], json({{"LABEL_0", 0}}));
    EXPECT_EQ(written["pad_token_id"], 3);
    // It writes no text.
    const absl::Status status = ModelConfigFromJson(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("expected a language model"));
  }
  for (const json& names : {json({"LlamaForCausalLM"}), json("REMOVE"),
                            json::array(), json({"LlamaModel", 7})}) {
    const absl::Status status =
        ModelConfigFromJson(Changed({{"architectures", names}}),
                            ModelHead::kScore)
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << names;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no reward model"));
  }
}

// Settings that are there but leave every number as it is (context 64, 2
// layers).
TEST(ModelConfig, AcceptsWhatChangesNothing) {
  for (const char* changes :
       {R"({"use_sliding_window":false,"sliding_window":4})",
        R"({"use_sliding_window":true,"sliding_window":null})",
        R"({"use_sliding_window":true,"sliding_window":64})",
        R"({"use_sliding_window":true,"sliding_window":8,)"
        R"("max_window_layers":2})",
        R"({"layer_types":["full_attention","full_attention"],)"
        R"("sliding_window":8})",
        R"({"layer_types":["sliding_attention"],"sliding_window":4096})",
        R"({"hidden_act":"swish"})", R"({"final_logit_softcapping":null})",
        R"({"quantization_config":null})", R"({"pretraining_tp":2})",
        R"({"rope_scaling":{"type":"default"}})",
        R"({"rope_scaling":{"type":"dynamic","factor":4.0}})",
        R"({"rope_scaling":{"type":"linear","factor":1}})",
        R"({"rope_scaling":{"rope_type":"yarn"}})"}) {
    const ModelConfig c = Parse(Changed(json::parse(changes)));
    EXPECT_EQ(c.rope_scaling, RopeScaling()) << changes;
    EXPECT_EQ(c.max_positions, 64) << changes;
  }
}

TEST(ModelConfig, YarnStretchesTheContext) {
  const auto context = [](const char* scaling) {
    return Parse(Changed({{"rope_scaling", json::parse(scaling)}}))
        .max_positions;
  };
  EXPECT_EQ(context(R"({"type":"yarn","factor":4})"), 256);
  EXPECT_EQ(context(R"({"type":"yarn","factor":2.5,)"
                    R"("original_max_position_embeddings":60})"),
            150);
  EXPECT_EQ(context(R"({"type":"yarn","factor":2,)"
                    R"("original_max_position_embeddings":16})"),
            64);
  EXPECT_EQ(context(R"({"type":"linear","factor":4})"), 64);
}

TEST(ModelConfig, BothSpellingsAtOnceMustAgree) {
  const json linear = {{"rope_type", "linear"}, {"factor", 2}};
  const ModelConfig c =
      Parse(Changed({{"rope_scaling", linear}, {"rope_parameters", linear}}));
  EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(c.rope_scaling.factor, 2);
}

// Members to replace in the small file, as JSON, and what must be said.
struct Refused {
  const char* changes;
  const char* message;
};

constexpr Refused kMalformed[] = {
    {R"({"model_type":"REMOVE"})", R"("model_type" is missing)"},
    {R"({"model_type":3})", R"("model_type" must be a string, found 3)"},
    {R"({"architectures":"LlamaForCausalLM"})", R"(must be an array)"},
    {R"({"vocab_size":"REMOVE"})", R"("vocab_size" is missing)"},
    {R"({"vocab_size":null})", R"("vocab_size" is missing)"},
    {R"({"vocab_size":0})", R"(must be an integer in [1, 16777216], found 0)"},
    {R"({"vocab_size":-5})", R"(found -5)"},
    {R"({"vocab_size":100.0})", R"(found 100.0)"},
    {R"({"vocab_size":"100"})", R"(found "100")"},
    {R"({"vocab_size":1099511627776})", R"(found 1099511627776)"},
    {R"({"vocab_size":18446744073709551615})", R"(found 18446744073709551615)"},
    {R"({"vocab_size":[1]})", R"(found array)"},
    {R"({"hidden_size":"REMOVE"})", R"("hidden_size" is missing)"},
    {R"({"hidden_size":4294967296})", R"("hidden_size" must be)"},
    {R"({"hidden_size":26})", R"(hidden_size 26 is not a multiple)"},
    {R"({"intermediate_size":"REMOVE"})", R"("intermediate_size" is missing)"},
    {R"({"intermediate_size":-1})", R"("intermediate_size" must be)"},
    {R"({"num_hidden_layers":"REMOVE"})", R"("num_hidden_layers" is missing)"},
    {R"({"num_hidden_layers":1000000000})", R"("num_hidden_layers" must be)"},
    {R"({"num_attention_heads":"REMOVE"})",
     R"("num_attention_heads" is missing)"},
    {R"({"num_attention_heads":0})", R"("num_attention_heads" must be)"},
    {R"({"num_key_value_heads":3})",
     R"(is not a multiple of num_key_value_heads)"},
    {R"({"num_key_value_heads":8})",
     R"(is not a multiple of num_key_value_heads)"},
    {R"({"num_key_value_heads":true})", R"(found true)"},
    {R"({"head_dim":5})", R"(head_dim must be even)"},
    {R"({"head_dim":-2})", R"("head_dim" must be)"},
    {R"({"hidden_size":4})", R"(head_dim must be even)"},
    {R"({"max_position_embeddings":"REMOVE"})",
     R"("max_position_embeddings" is missing)"},
    {R"({"max_position_embeddings":1099511627776})",
     R"("max_position_embeddings" must be)"},
    {R"({"rms_norm_eps":"REMOVE"})", R"("rms_norm_eps" is missing)"},
    {R"({"rms_norm_eps":0})", R"("rms_norm_eps" must be a number)"},
    {R"({"rms_norm_eps":-1e-06})", R"("rms_norm_eps" must be a number)"},
    {R"({"rms_norm_eps":"1e-6"})", R"("rms_norm_eps" must be a number)"},
    {R"({"rope_theta":0})", R"("rope_theta" must be a number)"},
    {R"({"rope_theta":"1e4"})", R"("rope_theta" must be a number)"},
    {R"({"rope_scaling":8.0})", R"("rope_scaling" must be an object)"},
    {R"({"rope_parameters":[]})", R"(must be an object)"},
    {R"({"rope_parameters":{"factor":8,"rope_type":"linear"},)"
     R"("rope_scaling":{"factor":4,"rope_type":"linear"}})",
     R"(has both "rope_scaling" and "rope_parameters", and they differ)"},
    {R"({"rope_scaling":{"rope_type":"linear"}})", R"("factor" is missing)"},
    {R"({"rope_scaling":{"factor":0.5,"rope_type":"linear"}})",
     R"("factor" must be a number in [1)"},
    {R"({"rope_scaling":{"factor":0.5,"rope_type":"yarn"}})",
     R"("factor" must be a number in [1)"},
    {R"({"rope_scaling":{"beta_fast":"32","factor":2,"rope_type":"yarn"}})",
     R"("beta_fast" must be a number)"},
    {R"({"rope_scaling":{"factor":2,"rope_type":"yarn","truncate":1}})",
     R"("truncate" must be true or false)"},
    {R"({"rope_scaling":{"attention_factor":-1,"factor":2,)"
     R"("rope_type":"yarn"}})",
     R"("attention_factor" must be a number)"},
    {R"({"rope_scaling":{"factor":2,"rope_type":"yarn"},"rope_theta":1})",
     R"(yarn needs a rope_theta above 1)"},
    {R"({"original_max_position_embeddings":0,)"
     R"("rope_scaling":{"factor":2,"rope_type":"yarn"}})",
     R"("original_max_position_embeddings" must be)"},
    {R"({"rope_parameters":{"rope_theta":5.0}})", R"(contradicts rope_theta)"},
    {R"({"rope_scaling":{"rope_type":"llama3"}})", R"("factor" is missing)"},
    {R"({"rope_scaling":{)"
     R"("factor":0.5,"high_freq_factor":4,"low_freq_factor":1,)"
     R"("original_max_position_embeddings":32,"rope_type":"llama3"}})",
     R"("factor" must be a number in [1)"},
    {R"({"rope_scaling":{)"
     R"("factor":"8","high_freq_factor":4,"low_freq_factor":1,)"
     R"("original_max_position_embeddings":32,"rope_type":"llama3"}})",
     R"("factor" must be a number)"},
    {R"({"rope_scaling":{)"
     R"("factor":8,"high_freq_factor":4,"low_freq_factor":4,)"
     R"("original_max_position_embeddings":32,"rope_type":"llama3"}})",
     R"(must be below high_freq_factor)"},
    {R"({"rope_scaling":{)"
     R"("factor":8,"high_freq_factor":null,"low_freq_factor":1,)"
     R"("original_max_position_embeddings":32,"rope_type":"llama3"}})",
     R"("high_freq_factor" is missing)"},
    {R"({"rope_scaling":{)"
     R"("factor":8,"high_freq_factor":4,"low_freq_factor":1,)"
     R"("original_max_position_embeddings":0,"rope_type":"llama3"}})",
     R"("original_max_position_embeddings" must be)"},
    {R"({"rope_scaling":{)"
     R"("factor":8,"high_freq_factor":4,"low_freq_factor":1,)"
     R"("original_max_position_embeddings":3.5,"rope_type":"llama3"}})",
     R"(found 3.5)"},
    {R"({"rope_scaling":{)"
     R"("factor":8,"high_freq_factor":4,"low_freq_factor":1,)"
     R"("original_max_position_embeddings":32,"rope_type":7}})",
     R"("rope_type" must be a string)"},
    {R"({"tie_word_embeddings":"true"})", R"(must be true or false)"},
    {R"({"tie_word_embeddings":1})", R"(must be true or false)"},
    {R"({"bos_token_id":100})", R"("bos_token_id" must be)"},
    {R"({"bos_token_id":[1]})", R"("bos_token_id" must be)"},
    {R"({"eos_token_id":100})", R"("eos_token_id" must be)"},
    {R"({"eos_token_id":-1})", R"("eos_token_id" must be)"},
    {R"({"eos_token_id":[1,100]})", R"("eos_token_id" must be)"},
    {R"({"eos_token_id":[null]})", R"("eos_token_id" is missing)"},
    {R"({"eos_token_id":"</s>"})", R"("eos_token_id" must be)"},
    {R"({"hidden_act":1})", R"("hidden_act" must be a string)"},
    {R"({"attention_bias":"no"})", R"(must be true or false)"},
    {R"({"layer_types":"full_attention"})", R"(must be an array)"},
    {R"({"model_type":"qwen3"})", R"("head_dim" is missing)"},
    {R"({"model_type":"qwen2","num_key_value_heads":null})",
     R"("num_key_value_heads" is missing)"},
};

TEST(ModelConfig, RefusesWhatIsMalformed) {
  for (const Refused& c : kMalformed) {
    const auto config = ModelConfigFromJson(Changed(json::parse(c.changes)));
    ExpectError(config.status(), c.message, c.changes);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument)
        << c.changes;
  }
}

constexpr Refused kNotComputed[] = {
    {R"({"model_type":"mistral"})", R"(model_type "mistral"; supported are)"},
    {R"({"model_type":"deepseek_v3"})", R"(model_type "deepseek_v3")"},
    {R"({"hidden_act":"gelu"})", R"("hidden_act" is "gelu")"},
    {R"({"attention_bias":true})", R"("attention_bias" is true)"},
    {R"({"mlp_bias":true})", R"("mlp_bias" is true)"},
    {R"({"use_sliding_window":true})", R"("use_sliding_window" is true)"},
    {R"({"layer_types":["full_attention","sliding_attention"]})",
     R"("layer_types" is "sliding_attention")"},
    {R"({"quantization_config":{"quant_method":"fp8"}})",
     R"("quantization_config")"},
    {R"({"partial_rotary_factor":0.5})", R"("partial_rotary_factor" is 0.5)"},
    {R"({"use_sliding_window":true,"sliding_window":63})",
     R"("sliding_window" is 63)"},
    {R"({"layer_types":["sliding_attention","full_attention"],)"
     R"("sliding_window":16})",
     R"("sliding_window" is 16)"},
    {R"({"layer_types":["chunked_attention"]})",
     R"("layer_types" is "chunked_attention")"},
    {R"({"final_logit_softcapping":30.0})",
     R"("final_logit_softcapping" is 30.0)"},
    {R"({"attn_logit_softcapping":50.0})",
     R"("attn_logit_softcapping" is 50.0)"},
    {R"({"hidden_act":"gelu_pytorch_tanh"})",
     R"("hidden_act" is "gelu_pytorch_tanh")"},
    {R"({"rope_scaling":{"rope_type":"longrope","long_factor":[1,2,3],)"
     R"("short_factor":[1,1,1],"factor":2}})",
     R"(do not depend on the length of the sequence)"},
    {R"({"rope_scaling":{"type":"su"}})",
     R"("rope_scaling.rope_type" is "su")"},
    {R"({"rope_scaling":{"type":"mrope","mrope_section":[1,1,1]}})",
     R"("rope_scaling.rope_type" is "mrope")"},
    {R"({"rope_parameters":{"rope_type":"proportional"}})",
     R"("rope_parameters.rope_type" is "proportional")"},
    {R"({"rope_parameters":{"full_attention":{"rope_type":"default"}}})",
     R"("rope_parameters.full_attention" is object)"},
    {R"({"rope_parameters":{"partial_rotary_factor":0.25}})",
     R"("partial_rotary_factor" is 0.25)"},
};

TEST(ModelConfig, RefusesWhatIsNotComputedHere) {
  for (const Refused& c : kNotComputed) {
    const auto config = ModelConfigFromJson(Changed(json::parse(c.changes)));
    ExpectError(config.status(), c.message, c.changes);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kUnimplemented)
        << c.changes;
  }
}

TEST(ModelConfig, RefusesWhatIsNoJsonObject) {
  const struct {
    std::string text;
    const char* message;
  } cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"[]", "must be an object, found array"},
      {"null", "must be an object, found null"},
      {R"({"a": 1, "a": 1})", "key \"a\" given twice"},
      {R"({"a": {"b": 1, "b": 2}})", "key \"b\" given twice"},
      {R"({"a": NaN})", "not valid JSON"},
      {R"({"a": 1e999})", "not valid JSON"},
      {R"({"a": 1} x)", "not valid JSON"},
      {std::string("{}\0{}", 5), "not valid JSON at byte 3: a NUL"},
      {R"({"a": 1, })", "not valid JSON"},
      {R"({"a": "\ud800"})", "not valid JSON"},
      {"{\"a\": \"\xC3\"}", "not valid JSON"},
      {std::string(100'000, '['), "nested deeper than 64"},
  };
  for (const auto& c : cases) {
    ExpectError(ModelConfigFromJson(c.text).status(), c.message,
                c.text.substr(0, 40));
  }
}

TEST(ModelConfig, SurvivesTruncationAndBitFlips) {
  const std::string whole = kQwen3;
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ModelConfigFromJson(whole.substr(0, size)).ok()) << size;
  }
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string text = whole;
    text[bit / 8] ^= 1 << (bit % 8);
    const auto config = ModelConfigFromJson(text);
    if (!config.ok()) continue;
    EXPECT_GT(config->num_layers, 0);
    EXPECT_EQ(config->num_heads % config->num_kv_heads, 0);
  }
}

void ExpectSameModel(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.model_type, b.model_type);
  EXPECT_EQ(a.vocab_size, b.vocab_size);
  EXPECT_EQ(a.hidden_size, b.hidden_size);
  EXPECT_EQ(a.intermediate_size, b.intermediate_size);
  EXPECT_EQ(a.num_layers, b.num_layers);
  EXPECT_EQ(a.num_heads, b.num_heads);
  EXPECT_EQ(a.num_kv_heads, b.num_kv_heads);
  EXPECT_EQ(a.head_dim, b.head_dim);
  EXPECT_EQ(a.rms_norm_eps, b.rms_norm_eps);
  EXPECT_EQ(a.rope_theta, b.rope_theta);
  EXPECT_EQ(a.rope_scaling, b.rope_scaling);
  EXPECT_EQ(a.max_positions, b.max_positions);
  EXPECT_EQ(a.tie_embeddings, b.tie_embeddings);
  EXPECT_EQ(a.bos_token_id, b.bos_token_id);
  EXPECT_EQ(a.eos_token_ids, b.eos_token_ids);
}

TEST(ModelConfig, WhatIsWrittenIsReadBack) {
  for (const char* source : {kLlama31, kQwen25, kQwen3}) {
    ModelConfig config = Parse(source);
    ExpectSameModel(Parse(ModelConfigToJson(config)), config);
    config.source_json.clear();  // a model made here
    ExpectSameModel(Parse(ModelConfigToJson(config)), config);
  }
}

TEST(ModelConfig, WritingKeepsUnknownKeysAndSaysFp32) {
  const json old_style = json::parse(ModelConfigToJson(Parse(kQwen25)));
  EXPECT_EQ(old_style["max_window_layers"], 24);
  EXPECT_EQ(old_style["transformers_version"], "4.40.1");
  EXPECT_EQ(old_style["torch_dtype"], "float32");
  EXPECT_FALSE(old_style.contains("dtype"));
  EXPECT_EQ(old_style["rope_theta"], 1e6);
  EXPECT_EQ(old_style["rms_norm_eps"], 1e-6);
  const json new_style = json::parse(ModelConfigToJson(Parse(kQwen3)));
  EXPECT_EQ(new_style["dtype"], "float32");
  EXPECT_FALSE(new_style.contains("torch_dtype"));
  EXPECT_FALSE(new_style.contains("rope_theta"));
  EXPECT_EQ(new_style["rope_parameters"]["rope_theta"], 1e6);
}

TEST(ModelConfig, WritingFollowsChangedFields) {
  ModelConfig config = Parse(kLlama31);
  config.max_positions = 4096;
  config.rms_norm_eps = 3e-6f;
  config.eos_token_ids = {5};
  config.rope_scaling.factor = 16;
  const json written = json::parse(ModelConfigToJson(config));
  EXPECT_EQ(written["max_position_embeddings"], 4096);
  EXPECT_EQ(written["rms_norm_eps"], 3e-6);
  EXPECT_EQ(written["eos_token_id"], 5);
  EXPECT_EQ(written["rope_scaling"]["factor"], 16);
  EXPECT_EQ(written["rope_scaling"]["rope_type"], "llama3");
}

}  // namespace
}  // namespace r1
