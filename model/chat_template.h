// A model's chat template: from messages to the text of a prompt.
#ifndef R1_MODEL_CHAT_TEMPLATE_H_
#define R1_MODEL_CHAT_TEMPLATE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/jinja/template.h"
#include "model/marked_text.h"

namespace r1 {

struct ChatMessage {
  std::string role;  // one of IsChatRole
  MarkedText content;
};

// system, developer, user, assistant or tool. Any other could spell a special
// token together with the template's text.
bool IsChatRole(absl::string_view role);

// Threads: immutable; safe from any thread.
class ChatTemplate {
 public:
  // special_tokens: "bos_token" and the like, as the template sees them.
  // Errors: as Template::Parse.
  static absl::StatusOr<ChatTemplate> Parse(
      absl::string_view source,
      std::vector<std::pair<std::string, std::string>> special_tokens);

  // As transformers' apply_chat_template(tokenize=False) without tools and
  // documents; what the messages hold of data is data in the result too.
  // Errors: InvalidArgument "chat template: line N: what", among it what the
  // template itself raises.
  absl::StatusOr<MarkedText> Render(absl::Span<const ChatMessage> messages,
                                    bool add_generation_prompt) const;

 private:
  ChatTemplate(jinja::Template parsed,
               std::vector<std::pair<std::string, std::string>> special_tokens)
      : template_(std::move(parsed)),
        special_tokens_(std::move(special_tokens)) {}

  jinja::Template template_;
  std::vector<std::pair<std::string, std::string>> special_tokens_;
};

}  // namespace r1

#endif  // R1_MODEL_CHAT_TEMPLATE_H_
