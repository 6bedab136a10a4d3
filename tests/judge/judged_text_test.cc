#include "judge/judged_text.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "model/tokenizer_config.h"
#include "tests/judge/judge_testing.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

std::string Part(absl::string_view completion, JudgedPart part) {
  return std::string(PartOf(completion, part).value_or("NONE"));
}

TEST(JudgedText, AnswerIsWhatFollowsTheReasoning) {
  const struct {
    const char* completion;
    const char* answer;
  } cases[] = {
      {"just text", "just text"},
      {"<think>why</think>so", "so"},
      {"why</think>\n\n so \n", "so"},
      {"<think>a</think><answer>b</answer>", "b"},
      {"<think>a</think> <answer> b\n</answer>\n", "b"},
      {"<answer>b</answer>", "b"},
      // What stands beside the tags is read, too.
      {"<think>a</think>note <answer>b</answer>", "note <answer>b</answer>"},
      {"<think>a</think><answer>b</answer> note", "<answer>b</answer> note"},
      {"<think>a</think>b</think>c", "c"},
      // No answer: reasoning that never ended, or began again; nothing.
      {"<think>why", "NONE"},
      {"<think>a</think>b<think>c", "NONE"},
      {"<think>a</think>", "NONE"},
      {"<think>a</think> \n", "NONE"},
      {"<think>a</think><answer> </answer>", "NONE"},
      {"", "NONE"},
      {" \t", "NONE"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Part(c.completion, JudgedPart::kAnswer), c.answer)
        << c.completion;
  }
}

TEST(JudgedText, WholeIsAllOfIt) {
  EXPECT_EQ(Part(" <think>a</think><answer>b</answer>\n", JudgedPart::kWhole),
            "<think>a</think><answer>b</answer>");
  EXPECT_EQ(Part("<think>why", JudgedPart::kWhole), "<think>why");
  EXPECT_EQ(Part(" \n", JudgedPart::kWhole), "NONE");
}

class EncodeJudgedTest : public testing::Test {
 protected:
  // The text that the tokens spell, special ones as their text.
  std::string Spelled(absl::string_view prompt, absl::string_view text) {
    const auto tokens = EncodeJudged(*tokenizer_, config_, prompt, text);
    EXPECT_TRUE(tokens.ok()) << tokens.status();
    return tokens.ok() ? tokenizer_->Decode(*tokens) : "";
  }

  ModelConfig config_ = TinyJudge();
  std::shared_ptr<const Tokenizer> tokenizer_ = ByteTokenizer();
};

TEST_F(EncodeJudgedTest, PlainFormIsPromptEmptyLineTextLineEnd) {
  EXPECT_EQ(Spelled("Why?", "So."), "Why?\n\nSo.\n");
  EXPECT_EQ(Spelled("\nWhy? ", " So.\n\n"), "Why?\n\nSo.\n");
  EXPECT_EQ(Spelled("", "So."), "So.\n");
}

TEST_F(EncodeJudgedTest, SpecialTokensInTextAreText) {
  const auto tokens = EncodeJudged(*tokenizer_, config_, "", "a<|endoftext|>");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->size(), 1 + 13 + 1);
  for (int32_t token : *tokens) EXPECT_NE(token, 0);
}

TEST_F(EncodeJudgedTest, ChatTemplateMakesAConversation) {
  TokenizerFiles files = tokenizer_->files();
  files.tokenizer_json = tokenizer_->ToJson();
  files.chat_template_jinja =
      "{% for m in messages %}<|endoftext|>{{ m.role }}: {{ m.content }}\n"
      "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
  tokenizer_ = std::make_shared<const Tokenizer>(
      *Tokenizer::FromFiles(std::move(files)));
  EXPECT_EQ(Spelled("Why?", "So<|endoftext|>"),
            "<|endoftext|>user: Why?\n"
            "<|endoftext|>assistant: So<|endoftext|>\n");
  const auto tokens = EncodeJudged(*tokenizer_, config_, "", "<|endoftext|>");
  ASSERT_TRUE(tokens.ok());
  EXPECT_EQ(std::count(tokens->begin(), tokens->end(), 0), 2);

  files = tokenizer_->files();
  files.chat_template_jinja = "{{ raise_exception('no ' + messages[0].role) }}";
  tokenizer_ = std::make_shared<const Tokenizer>(
      *Tokenizer::FromFiles(std::move(files)));
  ExpectError(EncodeJudged(*tokenizer_, config_, "a", "b").status(), "no user",
              "template");
}

TEST_F(EncodeJudgedTest, TextMustFitTheContext) {
  // 128 positions: prompt, 2 line ends, text, 1 line end.
  const std::string text(120, 'a');
  EXPECT_TRUE(EncodeJudged(*tokenizer_, config_, "12345", text).ok());
  ExpectError(EncodeJudged(*tokenizer_, config_, "123456", text).status(),
              "129 tokens, more than the reward model's context of 128",
              "too long");
}

}  // namespace
}  // namespace r1
