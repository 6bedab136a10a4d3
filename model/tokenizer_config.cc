#include "model/tokenizer_config.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr char kTokenizerConfigFile[] = "tokenizer_config.json";
constexpr char kMapFile[] = "special_tokens_map.json";

// An empty text is an empty object.
absl::StatusOr<Json> ParseObject(const std::string& text,
                                 const std::string& file) {
  if (text.empty()) return Json::object();
  auto json = ParseStrictJson(text);
  if (!json.ok()) return Annotate(json.status(), file);
  if (!json->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": must be an object, found ", DescribeJson(*json)));
  }
  return json;
}

// A token is its text or {"content": its text, …}. The tokens found first stay.
absl::Status AddTokens(const Json& json, const std::string& file,
                       std::map<std::string, std::string>* tokens) {
  for (const char* name : {"bos_token", "cls_token", "eos_token", "mask_token",
                           "pad_token", "sep_token", "unk_token"}) {
    const Json* value = FindMember(json, name);
    if (value == nullptr) continue;
    std::string text;
    if (value->is_object()) {
      R1_RETURN_IF_ERROR(
          ReadString(*value, absl::StrCat(file, ": ", name), "content", &text)
              .status());
    } else {
      R1_RETURN_IF_ERROR(ReadString(json, file, name, &text).status());
    }
    if (!text.empty()) tokens->emplace(name, text);
  }
  return absl::OkStatus();
}

absl::Status ReadTemplate(const Json& json, std::string* source) {
  const Json* value = FindMember(json, "chat_template");
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_array()) {
    return ReadString(json, kTokenizerConfigFile, "chat_template", source)
        .status();
  }
  const std::string where =
      absl::StrCat(kTokenizerConfigFile, ": chat_template");
  for (const Json& item : *value) {
    std::string name, text;
    if (!item.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, ": must hold objects, found ", DescribeJson(item)));
    }
    R1_RETURN_IF_ERROR(ReadString(item, where, "name", &name).status());
    R1_RETURN_IF_ERROR(ReadString(item, where, "template", &text).status());
    if (name == "default") *source = text;
  }
  return absl::OkStatus();
}

absl::Status ReadFlag(const Json& json, const char* key,
                      std::optional<bool>* flag) {
  bool value = false;
  R1_ASSIGN_OR_RETURN(const bool found,
                      ReadBool(json, kTokenizerConfigFile, key, &value));
  if (found) *flag = value;
  return absl::OkStatus();
}

}  // namespace

absl::string_view TokenizerConfig::Token(absl::string_view name) const {
  for (const auto& [known, token] : special_tokens) {
    if (known == name) return token;
  }
  return "";
}

absl::StatusOr<TokenizerConfig> ReadTokenizerConfig(
    const TokenizerFiles& files) {
  TokenizerConfig config;
  R1_ASSIGN_OR_RETURN(const Json json, ParseObject(files.tokenizer_config_json,
                                                   kTokenizerConfigFile));
  R1_ASSIGN_OR_RETURN(const Json map,
                      ParseObject(files.special_tokens_map_json, kMapFile));
  std::string tokenizer_class;
  R1_RETURN_IF_ERROR(ReadString(json, kTokenizerConfigFile, "tokenizer_class",
                                &tokenizer_class)
                         .status());
  if (tokenizer_class == "LlamaTokenizer" ||
      tokenizer_class == "LlamaTokenizerFast") {
    R1_RETURN_IF_ERROR(ReadFlag(json, "add_bos_token", &config.add_bos_token));
    R1_RETURN_IF_ERROR(ReadFlag(json, "add_eos_token", &config.add_eos_token));
  }
  std::map<std::string, std::string> tokens;
  R1_RETURN_IF_ERROR(AddTokens(json, kTokenizerConfigFile, &tokens));
  R1_RETURN_IF_ERROR(AddTokens(map, kMapFile, &tokens));
  config.special_tokens.assign(tokens.begin(), tokens.end());
  R1_RETURN_IF_ERROR(ReadTemplate(json, &config.chat_template));
  if (!files.chat_template_jinja.empty()) {
    config.chat_template = files.chat_template_jinja;
  }
  return config;
}

}  // namespace r1
