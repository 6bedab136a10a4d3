#include "reward/code/extract.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reward/code/fence.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

// What stands in the last <answer> outside of blocks and of quotation marks, up
// to the last </answer> behind it.
std::optional<absl::string_view> AnswerOf(
    absl::string_view text, const std::vector<FencedBlock>& blocks) {
  std::optional<absl::string_view> answer;
  auto block = blocks.begin();
  for (size_t from = 0; const auto tag = NextTag(text, from);) {
    from = tag->end;
    while (block != blocks.end() && block->end <= tag->begin) ++block;
    if (block != blocks.end() && block->begin <= tag->begin) continue;
    const char before = tag->begin == 0 ? ' ' : text[tag->begin - 1];
    if (tag->tag != Tag::kAnswerOpen || before == '"' || before == '\'') {
      continue;
    }
    answer = text.substr(tag->end);
  }
  if (answer.has_value()) {
    answer = answer->substr(0, answer->rfind("</answer>"));
  }
  return answer;
}

bool Defines(absl::string_view code, absl::string_view name) {
  for (absl::string_view word : {"def ", "class "}) {
    const std::string head = absl::StrCat(word, name);
    for (size_t at = 0;
         (at = code.find(head, at)) != absl::string_view::npos;) {
      at += head.size();
      const char next = at < code.size() ? code[at] : ' ';
      if (!absl::ascii_isalnum(next) && next != '_') return true;
    }
  }
  return false;
}

// The block to run; null if there is none.
const FencedBlock* Choose(const std::vector<FencedBlock>& blocks,
                          ProgramLanguage language,
                          absl::string_view entry_point) {
  const FencedBlock* chosen = nullptr;
  int best = -1;
  for (const FencedBlock& block : blocks) {
    int rank = IsTagOf(block.tag, language) ? 1 : 0;
    if (rank == 1 && !entry_point.empty() && Defines(block.code, entry_point)) {
      rank = 2;
    }
    if (rank < best) continue;
    best = rank;
    chosen = &block;
  }
  return chosen;
}

}  // namespace

ExtractedCode ExtractCode(absl::string_view completion,
                          ProgramLanguage language,
                          absl::string_view entry_point) {
  const auto reasoned = SplitReasoning(completion);
  if (!reasoned.rest.has_value()) return {"", "reasoning that is not closed"};
  absl::string_view rest = *reasoned.rest;
  FencedBlocks all = FindFencedBlocks(rest, language);
  const auto answer = AnswerOf(rest, all.closed);
  if (answer.has_value()) {
    FencedBlocks inner = FindFencedBlocks(*answer, language);
    if (!inner.closed.empty() || all.closed.empty()) all = std::move(inner);
    rest = *answer;
  }
  if (const FencedBlock* block = Choose(all.closed, language, entry_point)) {
    if (absl::StripAsciiWhitespace(block->code).empty()) {
      return {"", "an empty code block"};
    }
    return {block->code, ""};
  }
  if (all.has_open_one) return {"", "a code block that is not closed"};
  if (absl::StripAsciiWhitespace(rest).empty()) return {"", "no program"};
  return {
      language == ProgramLanguage::kPython ? Dedent(rest) : std::string(rest),
      ""};
}

}  // namespace r1
