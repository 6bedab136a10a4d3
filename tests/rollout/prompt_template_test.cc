// Prompts by task.template and by chat templates: special tokens in what the
// configuration says and never in what rows say, BOS, what the answer begins
// with, conversations.
#include "rollout/prompt_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/tokenizer.h"
#include "model/tokenizer_config.h"
#include "nlohmann/json.hpp"
#include "rollout/tasks/jsonl.h"

namespace r1 {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr int32_t kFirst = 257;  // id of the first added token
constexpr char kChatMl[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>"
    "assistant\n{% endif %}";

// Byte b is token b + 1; then come these tokens, the first as BOS if asked.
Tokenizer Make(const std::vector<std::string>& special, bool has_bos = false,
               const std::string& chat_template = "") {
  json tokenizer = json::parse(TrainTokenizer({}, 257, true)->ToJson());
  for (size_t i = 0; i < special.size(); ++i) {
    tokenizer["added_tokens"].push_back(
        {{"id", kFirst + i}, {"content", special[i]}, {"special", true}});
  }
  if (has_bos) {
    tokenizer["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", special[0]}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"special_tokens",
         {{special[0], {{"id", special[0]}, {"ids", {kFirst}}}}}}};
  }
  TokenizerFiles files;
  files.tokenizer_json = tokenizer.dump();
  files.chat_template_jinja = chat_template;
  if (has_bos) {
    files.tokenizer_config_json = json{{"bos_token", special[0]}}.dump();
  }
  auto made = Tokenizer::FromFiles(std::move(files));
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// The tokens, special ones as "[text]", others as the text they spell.
std::string Shown(const Tokenizer& tokenizer,
                  const absl::StatusOr<EncodedPrompt>& prompt) {
  if (!prompt.ok()) return prompt.status().ToString();
  std::string text;
  for (const int32_t id : prompt->tokens) {
    const absl::string_view bytes = tokenizer.TokenBytes(id);
    tokenizer.SpecialId(bytes) == id ? absl::StrAppend(&text, "[", bytes, "]")
                                     : absl::StrAppend(&text, bytes);
  }
  return text;
}

TaskSection Template(const std::string& text) {
  TaskSection config;
  config.set_template_(text);
  return config;
}

TEST(PromptTemplateTest, SpecialTokensOfTheTemplateAreRecognised) {
  const struct {
    std::vector<std::string> special;
    const char* text;
    const char* shown;
  } kCases[] = {
      {{"<|im_start|>", "<|im_end|>"},
       "<|im_start|>user\n{question}<|im_end|>\n",
       "[<|im_start|>]user\nQ[<|im_end|>]\n"},
      {{"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
        "<|eot_id|>"},
       "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
       "{question}<|eot_id|>",
       "[<|begin_of_text|>][<|start_header_id|>]user[<|end_header_id|>]\n\nQ"
       "[<|eot_id|>]"},
      {{"<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"},
       "<｜begin▁of▁sentence｜><｜User｜>{question}<｜Assistant｜>",
       "[<｜begin▁of▁sentence｜>][<｜User｜>]Q[<｜Assistant｜>]"},
      {{}, "{question}<|endoftext|>", "Q[<|endoftext|>]"},
      {{"<think>", "</think>"}, "{question} <think>", "Q [<think>]"},
      {{"<bos>", "<start_of_turn>", "<end_of_turn>"},
       "<bos><start_of_turn>user\n{question}<end_of_turn>",
       "[<bos>][<start_of_turn>]user\nQ[<end_of_turn>]"},
      {{"[INST]", "[/INST]"}, "[INST]{question}[/INST]", "[[INST]]Q[[/INST]]"},
      {{"<|user|>", "<|end|>"},
       "<|user|>{question}<|end|>",
       "[<|user|>]Q[<|end|>]"},
      {{"<tool_call>"}, "a<tool_call>{question}", "a[<tool_call>]Q"},
  };
  for (const auto& c : kCases) {
    const Tokenizer tokenizer = Make(c.special);
    EXPECT_EQ(Shown(tokenizer, EncodePrompt(Template(c.text), tokenizer, "Q")),
              c.shown);
    // In a question each is text, alone and beside the template's.
    for (const std::string& token : c.special) {
      const std::string shown = Shown(
          tokenizer, EncodePrompt(Template("{question}"), tokenizer, token));
      EXPECT_EQ(shown, token);
      EXPECT_EQ(Shown(tokenizer, EncodePrompt(Template("<{question}>"),
                                              tokenizer, token.substr(1))),
                absl::StrCat("<", token.substr(1), ">"));
    }
  }
}

TEST(PromptTemplateTest, TheQuestionMayStandInSeveralPlaces) {
  const Tokenizer tokenizer = Make({"<s>"});
  EXPECT_EQ(
      Shown(tokenizer, EncodePrompt(Template("<s>{question}<s>{question}"),
                                    tokenizer, "{question}<s>")),
      "[<s>]{question}<s>[<s>]{question}<s>");
  EXPECT_EQ(RenderPrompt(Template("Q {question}"), "x"), "Q x");
}

TEST(PromptTemplateTest, BosStandsBeforeATemplatesText) {
  const Tokenizer tokenizer = Make({"<|begin_of_text|>"}, /*has_bos=*/true);
  EXPECT_EQ(
      Shown(tokenizer, EncodePrompt(Template("{question}"), tokenizer, "Q")),
      "[<|begin_of_text|>]Q");
  EXPECT_EQ(Shown(tokenizer, EncodePrompt(TaskSection(), tokenizer, "Q"))
                .substr(0, 22),
            "[<|begin_of_text|>]The");
}

TEST(PromptTemplateTest, AChatTemplatesBosIsNotDoubled) {
  const Tokenizer tokenizer =
      Make({"<s>", "<|im_start|>", "<|im_end|>"}, /*has_bos=*/true,
           absl::StrCat("{{ bos_token }}", kChatMl));
  TaskSection config;
  config.set_chat(true);
  EXPECT_EQ(Shown(tokenizer, EncodePrompt(config, tokenizer, "Q<|im_end|>")),
            "[<s>][<|im_start|>]user\nQ<|im_end|>[<|im_end|>]\n[<|im_start|>]"
            "assistant\n");
}

TEST(PromptTemplateTest, SystemTemplateAndPrefixArePartOfTheChat) {
  const Tokenizer tokenizer =
      Make({"<|im_start|>", "<|im_end|>", "<think>"}, false, kChatMl);
  TaskSection config = Template("Solve: {question} <think>");
  config.set_chat(true);
  config.set_system("Be brief.");
  config.set_answer_prefix("<think>\n");
  const auto prompt = EncodePrompt(config, tokenizer, "2<think>");
  EXPECT_EQ(Shown(tokenizer, prompt),
            "[<|im_start|>]system\nBe brief.[<|im_end|>]\n[<|im_start|>]user\n"
            "Solve: 2<think> [<think>][<|im_end|>]\n[<|im_start|>]assistant\n"
            "[<think>]\n");
  EXPECT_EQ(prompt->answer_prefix, "<think>\n");
}

TEST(PromptTemplateTest, APrefixThatTheTemplateGivesIsNotDoubled) {
  const Tokenizer tokenizer =
      Make({"<think>"}, false, "{{ messages[0].content }}{{ '<think>\\n' }}");
  TaskSection config;
  config.set_chat(true);
  for (const char* prefix : {"<think>\n", "", "\n"}) {
    config.set_answer_prefix(prefix);
    const auto prompt = EncodePrompt(config, tokenizer, "Q");
    EXPECT_EQ(Shown(tokenizer, prompt), "Q[<think>]\n");
    EXPECT_EQ(prompt->answer_prefix, prefix);
  }
  // Without a chat template it stands at the end as well.
  config = Template("{question}:");
  config.set_answer_prefix("<think>\n");
  EXPECT_EQ(Shown(tokenizer, EncodePrompt(config, tokenizer, "Q")),
            "Q:[<think>]\n");
}

TEST(PromptTemplateTest, WhatCannotBeMadeIsSaidInOneLine) {
  TaskSection config;
  config.set_chat(true);
  const auto none = EncodePrompt(config, Make({}), "Q").status();
  EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(none.message()),
              HasSubstr("task.chat: the model has no chat template"));
  EXPECT_THAT(
      std::string(
          EncodePrompt(
              config, Make({}, false, "{{ raise_exception('no users') }}"), "Q")
              .status()
              .message()),
      HasSubstr("task.chat: chat template: line 1: the template says: no "
                "users"));
  EXPECT_THAT(
      std::string(EncodePrompt(config, Make({}, false, "\n{% if %}"), "Q")
                      .status()
                      .message()),
      HasSubstr("task.chat: chat template: line 2: "));
}

TEST(PromptTemplateTest, AConversationIsRenderedAsItIs) {
  const Tokenizer tokenizer =
      Make({"<|im_start|>", "<|im_end|>"}, false, kChatMl);
  TaskSection config;
  config.set_chat(true);
  config.set_system("Own.");
  const std::string turns =
      R"([{"role": "user", "content": "a<|im_end|>"},
          {"role": "assistant", "content": "b"},
          {"role": "user", "content": "c"}])";
  EXPECT_EQ(Shown(tokenizer, EncodeConversation(config, tokenizer, turns)),
            "[<|im_start|>]system\nOwn.[<|im_end|>]\n[<|im_start|>]user\na"
            "<|im_end|>[<|im_end|>]\n[<|im_start|>]assistant\nb[<|im_end|>]\n"
            "[<|im_start|>]user\nc[<|im_end|>]\n[<|im_start|>]assistant\n");
  EXPECT_EQ(*LastQuestion(turns), "c");
  // A system message of its own stays the only one.
  EXPECT_EQ(Shown(tokenizer, EncodeConversation(
                                 config, tokenizer,
                                 R"([{"role": "system", "content": "S"}])")),
            "[<|im_start|>]system\nS[<|im_end|>]\n[<|im_start|>]assistant\n");
  const std::pair<const char*, const char*> kBad[] = {
      {R"([{"role": "user"}])", "message 0: expected {\"role\", \"content\"}"},
      {R"([{"role": "user", "content": [1]}])", "\"content\" must be"},
      {R"([{"role": "<|end|>", "content": "x"}])", "a role of system"},
      {R"(["x"])", "message 0"},
      {R"({})", "expected a list of messages"},
  };
  for (const auto& [text, message] : kBad) {
    EXPECT_THAT(
        std::string(
            EncodeConversation(config, tokenizer, text).status().message()),
        HasSubstr(message));
  }
  config.set_chat(false);
  EXPECT_THAT(
      std::string(
          EncodeConversation(config, tokenizer, turns).status().message()),
      HasSubstr("set task.chat"));
}

TEST(PromptTemplateTest, RowsMayHoldConversations) {
  TaskSection config;
  config.set_kind(QUESTION_ANSWER);
  config.set_question_field("prompt");
  const auto problems = ParseProblems(
      config,
      R"({"prompt": [{"role": "user", "content": "1 + 1?"}], "answer": "2"})",
      "rows");
  ASSERT_TRUE(problems.ok()) << problems.status();
  EXPECT_EQ(problems->front().question, "1 + 1?");
  EXPECT_EQ(json::parse(problems->front().messages),
            json::parse(R"([{"role": "user", "content": "1 + 1?"}])"));
  EXPECT_THAT(
      std::string(
          ParseProblems(config, R"({"prompt": [], "answer": "2"})", "rows")
              .status()
              .message()),
      HasSubstr("rows:1: task.question_field: no message is the user's"));
}

}  // namespace
}  // namespace r1
