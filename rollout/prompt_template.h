// From a question to the tokens of its prompt: by task.template, or as the
// user's message of the model's chat template.
#ifndef R1_ROLLOUT_PROMPT_TEMPLATE_H_
#define R1_ROLLOUT_PROMPT_TEMPLATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"

namespace r1 {

struct EncodedPrompt {
  std::vector<int32_t> tokens;
  // Ends the tokens' text and begins the answer; empty if nothing does.
  std::string answer_prefix;
};

// The prompt's text: the template with {question} replaced. If the configured
// one is empty, R1-Zero's; with task.chat, the question alone.
std::string RenderPrompt(const TaskSection& config,
                         const std::string& question);

// Special tokens are recognised in what the configuration and the model's
// template say, never in the question. Without task.chat the tokens are those
// of transformers' tokenizer(text), with what it adds around a text; with it
// those of apply_chat_template(add_generation_prompt=True), which adds nothing.
// config.answer_prefix() stands at the end, once if the template gives it.
// Errors: InvalidArgument if the model has no chat template, the template
// raises an error, or the text cannot be encoded.
absl::StatusOr<EncodedPrompt> EncodePrompt(const TaskSection& config,
                                           const Tokenizer& tokenizer,
                                           const std::string& question);

// The same for a whole conversation: a JSON list of {"role", "content"} of
// texts. task.system comes first unless it has a system message of its own.
// Errors: InvalidArgument also without task.chat.
absl::StatusOr<EncodedPrompt> EncodeConversation(const TaskSection& config,
                                                 const Tokenizer& tokenizer,
                                                 const std::string& messages);

// The text of the last message of the user in such a list.
// Errors: InvalidArgument for anything else than such a list, or without one.
absl::StatusOr<std::string> LastQuestion(absl::string_view messages);

}  // namespace r1

#endif  // R1_ROLLOUT_PROMPT_TEMPLATE_H_
