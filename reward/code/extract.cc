#include "reward/code/extract.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

constexpr absl::string_view kFence = "```";

bool IsTagOf(absl::string_view tag, ProgramLanguage language) {
  const auto is_any = [tag](std::initializer_list<absl::string_view> names) {
    for (absl::string_view name : names) {
      if (absl::EqualsIgnoreCase(tag, name)) return true;
    }
    return false;
  };
  return language == ProgramLanguage::kPython
             ? is_any({"python", "py", "python3"})
             : is_any({"cpp", "c++", "cc", "cxx"});
}

}  // namespace

ExtractedCode ExtractCode(absl::string_view completion,
                          ProgramLanguage language) {
  const auto rest = SplitReasoning(completion).rest;
  if (!rest.has_value()) return {"", "reasoning that is not closed"};
  std::optional<absl::string_view> last, last_of_language;
  const char* block_begin = nullptr;
  bool is_of_language = false, has_fence = false;
  absl::string_view lines = *rest;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    absl::string_view line = lines.substr(0, end);
    lines = end == absl::string_view::npos ? "" : lines.substr(end + 1);
    absl::string_view word = absl::StripAsciiWhitespace(line);
    if (!absl::ConsumePrefix(&word, kFence)) continue;
    has_fence = true;
    if (block_begin == nullptr) {
      is_of_language =
          IsTagOf(word.substr(0, word.find_first_of(" \t{")), language);
      block_begin = line.data() + line.size() + 1;
    } else {
      const absl::string_view block(block_begin, line.data() > block_begin
                                                     ? line.data() - block_begin
                                                     : 0);
      last = block;
      if (is_of_language) last_of_language = block;
      block_begin = nullptr;
    }
  }
  if (last_of_language.has_value()) return {*last_of_language, ""};
  if (last.has_value()) return {*last, ""};
  if (has_fence) return {"", "a code block that is not closed"};
  if (absl::StripAsciiWhitespace(*rest).empty()) return {"", "no program"};
  return {*rest, ""};
}

}  // namespace r1
