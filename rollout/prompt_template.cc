#include "rollout/prompt_template.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "model/chat_template.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

// R1-Zero's structure (paper table 1, in our words): a preamble that asks for
// reasoning and answer in tags, without hints at strategy; then the question.
constexpr char kR1ZeroTemplate[] =
    "The User asks a question and the Assistant solves it. The Assistant "
    "first reasons about the problem in its mind, then gives the User the "
    "answer. Reasoning and answer stand in <think> </think> and <answer> "
    "</answer> tags, like this: <think> reasoning process here </think> "
    "<answer> answer here </answer>. User: {question} Assistant:";
constexpr absl::string_view kQuestion = "{question}";

std::string TemplateOf(const TaskSection& config) {
  if (!config.template_().empty()) return config.template_();
  return config.chat() ? std::string(kQuestion) : kR1ZeroTemplate;
}

// The template with the question in it, marked as data.
MarkedText FillIn(const TaskSection& config, const std::string& question) {
  const std::string whole = TemplateOf(config);
  absl::string_view rest = whole;
  MarkedText text;
  for (size_t at; (at = rest.find(kQuestion)) != absl::string_view::npos;) {
    text.AppendOwn(rest.substr(0, at));
    text.AppendData(question);
    rest.remove_prefix(at + kQuestion.size());
  }
  text.AppendOwn(rest);
  return text;
}

// Appends the beginning of the answer, unless the text ends with it.
void AppendPrefix(const TaskSection& config, MarkedText* text) {
  if (absl::EndsWith(text->text, config.answer_prefix())) return;
  text->AppendOwn(config.answer_prefix());
}

absl::StatusOr<EncodedPrompt> EncodeChat(const TaskSection& config,
                                         const Tokenizer& tokenizer,
                                         std::vector<ChatMessage> messages) {
  const absl::StatusOr<ChatTemplate>& chat = tokenizer.chat_template();
  if (absl::IsNotFound(chat.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat("task.chat: ", chat.status().message(),
                     ": set task.template instead, or add one to its folder"));
  }
  R1_RETURN_IF_ERROR(Annotate(chat.status(), "task.chat"));
  if (!config.system().empty() &&
      (messages.empty() || messages.front().role != "system")) {
    ChatMessage system = {"system", {}};
    system.content.AppendOwn(config.system());
    messages.insert(messages.begin(), std::move(system));
  }
  auto text = chat->Render(messages, /*add_generation_prompt=*/true);
  if (!text.ok()) return Annotate(text.status(), "task.chat");
  AppendPrefix(config, &*text);
  EncodedPrompt prompt;
  R1_ASSIGN_OR_RETURN(prompt.tokens, tokenizer.Encode(*text));
  prompt.answer_prefix = config.answer_prefix();
  return prompt;
}

absl::StatusOr<std::vector<ChatMessage>> ParseMessages(absl::string_view text) {
  R1_ASSIGN_OR_RETURN(const nlohmann::json list, ParseStrictJson(text));
  if (!list.is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a list of messages, got ", DescribeJson(list)));
  }
  std::vector<ChatMessage> messages;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = absl::StrCat("message ", i);
    std::string role, content;
    bool has_content = false;
    if (list[i].is_object()) {
      R1_RETURN_IF_ERROR(ReadString(list[i], where, "role", &role).status());
      R1_ASSIGN_OR_RETURN(has_content,
                          ReadString(list[i], where, "content", &content));
    }
    if (!has_content || !IsChatRole(role)) {
      return absl::InvalidArgumentError(absl::StrCat(
          where,
          ": expected {\"role\", \"content\"} with texts and a role of "
          "system, developer, user, assistant or tool, got ",
          DescribeJson(list[i])));
    }
    messages.push_back({role, {}});
    messages.back().content.AppendData(content);
  }
  return messages;
}

}  // namespace

std::string RenderPrompt(const TaskSection& config,
                         const std::string& question) {
  return FillIn(config, question).text;
}

absl::StatusOr<EncodedPrompt> EncodePrompt(const TaskSection& config,
                                           const Tokenizer& tokenizer,
                                           const std::string& question) {
  MarkedText text = FillIn(config, question);
  if (config.chat()) {
    return EncodeChat(config, tokenizer, {{"user", std::move(text)}});
  }
  AppendPrefix(config, &text);
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, tokenizer.Encode(text));
  EncodedPrompt prompt;
  R1_ASSIGN_OR_RETURN(prompt.tokens, tokenizer.WithEnds(std::move(tokens)));
  prompt.answer_prefix = config.answer_prefix();
  return prompt;
}

absl::StatusOr<EncodedPrompt> EncodeConversation(const TaskSection& config,
                                                 const Tokenizer& tokenizer,
                                                 const std::string& messages) {
  if (!config.chat()) {
    return absl::InvalidArgumentError(
        "the question is a list of messages, which only the model's chat "
        "template can make a prompt of: set task.chat");
  }
  if (!config.template_().empty()) {
    return absl::InvalidArgumentError(
        "the question is a list of messages, which task.template has no place "
        "for: leave it empty");
  }
  R1_ASSIGN_OR_RETURN(std::vector<ChatMessage> parsed, ParseMessages(messages));
  return EncodeChat(config, tokenizer, std::move(parsed));
}

absl::StatusOr<std::string> LastQuestion(absl::string_view messages) {
  R1_ASSIGN_OR_RETURN(const std::vector<ChatMessage> parsed,
                      ParseMessages(messages));
  for (size_t i = parsed.size(); i > 0; --i) {
    if (parsed[i - 1].role == "user") return parsed[i - 1].content.text;
  }
  return absl::InvalidArgumentError("no message is the user's");
}

}  // namespace r1
