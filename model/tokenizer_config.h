// What the files beside tokenizer.json say about prompts.
#ifndef R1_MODEL_TOKENIZER_CONFIG_H_
#define R1_MODEL_TOKENIZER_CONFIG_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// The files of a model folder as they are; empty where there is none.
struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  std::string special_tokens_map_json;
  std::string chat_template_jinja;
};

struct TokenizerConfig {
  // Given only for Llama's tokenizer class, which replaces the post-processor
  // by them (transformers 4; DeepSeek's models rely on it). Others follow
  // tokenizer.json alone.
  std::optional<bool> add_bos_token, add_eos_token;
  // "bos_token" and its like, in the order of their names.
  std::vector<std::pair<std::string, std::string>> special_tokens;
  // chat_template.jinja, else "chat_template" of tokenizer_config.json, of
  // several the one named "default"; empty: none.
  std::string chat_template;

  // Empty if there is none of this name.
  absl::string_view Token(absl::string_view name) const;
};

// Errors: InvalidArgument naming file and key.
absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(
    const TokenizerFiles& files);

}  // namespace r1

#endif  // R1_MODEL_TOKENIZER_CONFIG_H_
