// Prompts have the ids that transformers gives them (golden/prompts.json, made
// by golden/make_prompt_golden.py), and data never makes a special token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "model/chat_template.h"
#include "model/strict_json.h"
#include "model/tokenizer.h"
#include "model/tokenizer_config.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

Json ReadGolden(absl::string_view name) {
  const auto text =
      ReadFile(absl::StrCat(R1_SOURCE_DIR, "/tests/model/golden/", name));
  EXPECT_TRUE(text.ok()) << text.status();
  return Json::parse(text.value_or("null"));
}

TokenizerFiles FilesOf(const Json& kind) {
  Json tokenizer = ReadGolden("tokenizers/gpt2.json");
  tokenizer["added_tokens"] = kind["added_tokens"];
  tokenizer["post_processor"] = kind["post_processor"];
  TokenizerFiles files;
  files.tokenizer_json = tokenizer.dump();
  files.tokenizer_config_json = kind["config"].dump();
  if (kind["chat_template"].is_string()) {
    files.chat_template_jinja = kind["chat_template"].get<std::string>();
  }
  return files;
}

class PromptGolden : public testing::TestWithParam<const char*> {
 protected:
  PromptGolden()
      : golden_(ReadGolden("prompts.json")),
        kind_(golden_["kinds"][GetParam()]) {
    auto tokenizer = Tokenizer::FromFiles(FilesOf(kind_));
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = std::make_unique<Tokenizer>(*std::move(tokenizer));
  }

  const Json golden_;
  const Json kind_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(PromptGolden, TextsHaveTransformersIds) {
  for (size_t i = 0; i < golden_["texts"].size(); ++i) {
    const std::string text = golden_["texts"][i].get<std::string>();
    const auto ids = tokenizer_->Encode(text, /*allow_special=*/true);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*tokenizer_->WithEnds(*ids), kind_["ids"][i].get<Ids>()) << text;
  }
}

TEST_P(PromptGolden, ConversationsHaveTransformersIds) {
  if (kind_["chats"].is_null()) {
    EXPECT_TRUE(absl::IsNotFound(tokenizer_->chat_template().status()));
    return;
  }
  ASSERT_TRUE(tokenizer_->chat_template().ok())
      << tokenizer_->chat_template().status();
  for (size_t i = 0; i < golden_["conversations"].size(); ++i) {
    std::vector<ChatMessage> messages;
    for (const Json& message : golden_["conversations"][i]) {
      messages.push_back({message["role"].get<std::string>(), {}});
      messages.back().content.AppendData(message["content"].get<std::string>());
    }
    const auto text = tokenizer_->chat_template()->Render(messages, true);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(*tokenizer_->Encode(*text), kind_["chats"][i].get<Ids>())
        << text->text;
  }
}

// Each special token as the whole and as a part of a message.
TEST_P(PromptGolden, NoMessageMakesASpecialToken) {
  if (!tokenizer_->chat_template().ok()) return;
  const auto count_special = [&](const std::string& content) {
    ChatMessage message = {"user", {}};
    message.content.AppendData(content);
    const auto text = tokenizer_->chat_template()->Render({message}, true);
    EXPECT_TRUE(text.ok()) << text.status();
    int count = 0;
    const Ids ids = *tokenizer_->Encode(*text);
    for (const int32_t id : ids) {
      count += tokenizer_->SpecialId(tokenizer_->TokenBytes(id)) == id;
    }
    return count;
  };
  const int without = count_special("x");
  for (const Json& token : kind_["added_tokens"]) {
    const std::string content = token["content"].get<std::string>();
    EXPECT_EQ(count_special(content), without) << content;
    EXPECT_EQ(count_special(absl::StrCat("a", content, " b\n", content)),
              without)
        << content;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, PromptGolden,
                         testing::Values("llama3", "deepseek", "chatml", "qwen",
                                         "turns", "think", "roberta", "bert",
                                         "ends", "no_bos", "with_eos",
                                         "flag_without_token"),
                         [](const auto& info) { return info.param; });

TokenizerFiles Kind(const char* name) {
  return FilesOf(ReadGolden("prompts.json")["kinds"][name]);
}

Ids Empty(const TokenizerFiles& files) {
  const auto tokenizer = Tokenizer::FromFiles(files);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *tokenizer->WithEnds({}) : Ids();
}

TEST(TokenizerConfigTest, LlamasClassReplacesWhatStandsAroundTexts) {
  TokenizerFiles files = Kind("deepseek");
  const int32_t bos = 425, eos = 426;  // the first two specials
  Json config = Json::parse(files.tokenizer_config_json);
  EXPECT_EQ(Empty(files), Ids());
  config["tokenizer_class"] = "LlamaTokenizerFast";
  files.tokenizer_config_json = config.dump();
  EXPECT_EQ(Empty(files), Ids({bos}));
  config["add_eos_token"] = true;
  files.tokenizer_config_json = config.dump();
  EXPECT_EQ(Empty(files), Ids({bos, eos}));
  config["add_bos_token"] = false;
  files.tokenizer_config_json = config.dump();
  EXPECT_EQ(Empty(files), Ids({eos}));
  config["eos_token"] = "<none>";
  files.tokenizer_config_json = config.dump();
  ExpectError(Tokenizer::FromFiles(files).status(),
              "add_eos_token adds \"<none>\", which tokenizer.json does not "
              "have",
              "unknown token");
}

TEST(TokenizerConfigTest, TheHashCoversWhatDecidesAboutPrompts) {
  const auto hash = [](const TokenizerFiles& files) {
    const auto tokenizer = Tokenizer::FromFiles(files);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return tokenizer.ok() ? tokenizer->hash() : "";
  };
  TokenizerFiles files = Kind("llama3");
  const std::string with_template = hash(files);
  files.chat_template_jinja += " ";
  EXPECT_NE(hash(files), with_template);
  files.chat_template_jinja.clear();
  const std::string without = hash(files);
  EXPECT_NE(without, with_template);
  // What decides about nothing is no part of it.
  files.tokenizer_config_json = "{\"model_max_length\": 5}";
  EXPECT_EQ(hash(files), without);
  files.tokenizer_config_json.clear();
  EXPECT_EQ(hash(files), without);
}

TEST(TokenizerConfigTest, FaultsAreNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"[]", "tokenizer_config.json: must be an object"},
      {"{", "tokenizer_config.json: not valid JSON"},
      {"{\"bos_token\": 5}", "\"bos_token\" must be"},
      {"{\"chat_template\": 5}", "\"chat_template\" must be"},
      {"{\"chat_template\": [\"x\"]}", "chat_template: must hold objects"},
  };
  for (const auto& [config, message] : kCases) {
    TokenizerFiles files = Kind("bert");
    files.tokenizer_config_json = config;
    ExpectError(Tokenizer::FromFiles(files).status(), message, config);
  }
  // A template that cannot be read is no reason not to load the model.
  TokenizerFiles files = Kind("bert");
  files.chat_template_jinja = "a\n{% include 'x' %}";
  const auto tokenizer = Tokenizer::FromFiles(files);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  ExpectError(tokenizer->chat_template().status(),
              "chat template: line 2: \"include\" is not supported", "include");
}

TEST(PostProcessorTest, FaultsAreNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"type": "Magic"})", "type \"Magic\" is not supported"},
      {R"("ByteLevel")", "is not supported"},
      {R"({"type": "TemplateProcessing"})", "\"single\" must be an array"},
      {R"({"type": "TemplateProcessing", "single": []})",
       "\"single\" holds no Sequence"},
      {R"({"type": "TemplateProcessing", "single": [{"Sequence": {}},
          {"Sequence": {}}]})",
       "one Sequence"},
      {R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id":
          "<s>"}}, {"Sequence": {}}], "special_tokens": {}})",
       "has no ids of \"<s>\""},
      {R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id":
          "<s>"}}, {"Sequence": {}}], "special_tokens": {"<s>": {"ids":
          [99999]}}})",
       "adds token 99999, which there is not"},
      {R"({"type": "BertProcessing", "cls": ["x", 1]})", "\"sep\" must be"},
      {R"({"type": "Sequence", "processors": [{"type": "Sequence",
          "processors": []}]})",
       "a Sequence inside a Sequence"},
  };
  for (const auto& [post_processor, message] : kCases) {
    TokenizerFiles files = Kind("bert");
    Json tokenizer = Json::parse(files.tokenizer_json);
    tokenizer["post_processor"] = Json::parse(post_processor);
    files.tokenizer_json = tokenizer.dump();
    ExpectError(Tokenizer::FromFiles(files).status(), message, post_processor);
  }
}

}  // namespace
}  // namespace r1
