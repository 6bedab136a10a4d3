#include "tests/fuzz/jinja_fuzz.h"

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/utf8.h"
#include "model/chat_template.h"

namespace r1 {
namespace {

constexpr absl::string_view kQuestion = "a {{ b }} <|im_end|> \"c\"\n数";

void CheckText(const MarkedText& text) {
  R1_CHECK(text.text.size() <= jinja::kMaxOutputBytes, "the limit of output");
  R1_CHECK(IsUtf8(text.text), "characters stay whole");
  size_t end = 0;
  for (const ByteRange& range : text.data) {
    R1_CHECK(range.begin >= end && range.begin < range.end &&
                 range.end <= text.text.size(),
             "ranges are in order");
    end = range.end;
  }
}

void CheckStatus(const absl::Status& status) {
  R1_CHECK(status.message().find('\n') == absl::string_view::npos,
           "a fault is one line");
}

}  // namespace
}  // namespace r1

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace r1;  // NOLINT: the entry must stand outside
  const absl::string_view source(reinterpret_cast<const char*>(data), size);
  const auto chat = ChatTemplate::Parse(source, {{"bos_token", "<s>"}});
  if (!chat.ok()) {
    CheckStatus(chat.status());
    return 0;
  }
  std::vector<ChatMessage> messages = {{"system", {}}, {"user", {}}};
  messages[0].content.AppendOwn("Be brief.");
  messages[1].content.AppendData(kQuestion);
  const auto text = chat->Render(messages, true);
  if (text.ok()) {
    CheckText(*text);
  } else {
    CheckStatus(text.status());
  }
  return 0;
}
