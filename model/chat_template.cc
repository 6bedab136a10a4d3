#include "model/chat_template.h"

#include <algorithm>

#include "base/status_macros.h"
#include "base/utf8.h"

namespace r1 {

using jinja::Machine;
using jinja::Template;
using jinja::Value;

bool IsChatRole(absl::string_view role) {
  constexpr absl::string_view kRoles[] = {"system", "developer", "user",
                                          "assistant", "tool"};
  return std::find(std::begin(kRoles), std::end(kRoles), role) !=
         std::end(kRoles);
}

absl::StatusOr<ChatTemplate> ChatTemplate::Parse(
    absl::string_view source,
    std::vector<std::pair<std::string, std::string>> special_tokens) {
  auto parsed = Template::Parse(source);
  if (!parsed.ok()) return Annotate(parsed.status(), "chat template");
  return ChatTemplate(*std::move(parsed), std::move(special_tokens));
}

absl::StatusOr<MarkedText> ChatTemplate::Render(
    absl::Span<const ChatMessage> messages, bool add_generation_prompt) const {
  for (const ChatMessage& message : messages) {
    if (IsUtf8(message.content.text)) continue;
    return absl::InvalidArgumentError(
        "chat template: a message is not valid UTF-8");
  }
  const auto variables = [&](Machine* machine) {
    std::vector<Value> list;
    for (const ChatMessage& message : messages) {
      jinja::Dict* dict = machine->NewDict();
      dict->items = {{machine->NewText("role"), machine->NewText(message.role)},
                     {machine->NewText("content"),
                      machine->NewText(jinja::Text::From(message.content))}};
      list.push_back(dict);
    }
    Template::Variables variables = {
        {"messages", machine->NewList(std::move(list))},
        {"tools", jinja::None()},
        {"documents", jinja::None()},
        {"add_generation_prompt", add_generation_prompt}};
    for (const auto& [name, token] : special_tokens_) {
      variables.emplace_back(name, machine->NewText(token));
    }
    return variables;
  };
  auto text = template_.Render(variables);
  if (!text.ok()) return Annotate(text.status(), "chat template");
  return text;
}

}  // namespace r1
