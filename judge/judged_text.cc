#include "judge/judged_text.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "judge/reward_model.h"
#include "model/chat_template.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

constexpr absl::string_view kAnswerOpen = "<answer>";
constexpr absl::string_view kAnswerClose = "</answer>";

absl::string_view WithoutAnswerTags(absl::string_view text) {
  absl::string_view inner = text;
  if (absl::ConsumePrefix(&inner, kAnswerOpen) &&
      absl::ConsumeSuffix(&inner, kAnswerClose)) {
    return absl::StripAsciiWhitespace(inner);
  }
  return text;
}

absl::StatusOr<std::vector<int32_t>> EncodeChat(const Tokenizer& tokenizer,
                                                absl::string_view prompt,
                                                absl::string_view text) {
  R1_RETURN_IF_ERROR(tokenizer.chat_template().status());
  ChatMessage user = {"user", {}}, assistant = {"assistant", {}};
  user.content.AppendData(prompt);
  assistant.content.AppendData(text);
  R1_ASSIGN_OR_RETURN(const MarkedText conversation,
                      tokenizer.chat_template()->Render(
                          {user, assistant}, /*add_generation_prompt=*/false));
  return tokenizer.Encode(conversation);
}

absl::StatusOr<std::vector<int32_t>> EncodePlain(const Tokenizer& tokenizer,
                                                 absl::string_view prompt,
                                                 absl::string_view text) {
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                      tokenizer.Encode(absl::StrCat(
                          prompt, prompt.empty() ? "" : "\n\n", text, "\n")));
  return tokenizer.WithEnds(std::move(tokens));
}

}  // namespace

std::optional<absl::string_view> PartOf(absl::string_view completion,
                                        JudgedPart part) {
  std::optional<absl::string_view> text = completion;
  if (part == JudgedPart::kAnswer) text = SplitReasoning(completion).rest;
  if (!text.has_value()) return std::nullopt;
  text = absl::StripAsciiWhitespace(*text);
  if (part == JudgedPart::kAnswer) text = WithoutAnswerTags(*text);
  if (text->empty()) return std::nullopt;
  return text;
}

absl::StatusOr<std::vector<int32_t>> EncodeJudged(const Tokenizer& tokenizer,
                                                  const ModelConfig& config,
                                                  absl::string_view prompt,
                                                  absl::string_view text) {
  prompt = absl::StripAsciiWhitespace(prompt);
  text = absl::StripAsciiWhitespace(text);
  const bool has_template =
      !absl::IsNotFound(tokenizer.chat_template().status());
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                      has_template ? EncodeChat(tokenizer, prompt, text)
                                   : EncodePlain(tokenizer, prompt, text));
  R1_RETURN_IF_ERROR(CheckScorable(tokens, config));
  return tokens;
}

}  // namespace r1
