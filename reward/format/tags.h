// The four tags of R1's output: <think> </think> <answer> </answer>.
// A tag is exactly these bytes: lower case, no spaces, no attributes; anything
// else is text. Every function is linear in the text and never backtracks.
// Source: DeepSeek-R1 (arXiv 2501.12948 v2), table 1.
#ifndef R1_REWARD_FORMAT_TAGS_H_
#define R1_REWARD_FORMAT_TAGS_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

enum class Tag { kThinkOpen, kThinkClose, kAnswerOpen, kAnswerClose };

struct TagSpan {
  Tag tag;
  size_t begin;  // bytes into the text
  size_t end;
};

// The first tag that begins at or after byte `from`.
std::optional<TagSpan> NextTag(absl::string_view text, size_t from);

// The two parts of a completion. Reasoning ends at the last </think>; a think
// tag that is opened after it, or never closed, leaves no rest. Without think
// tags all is rest, and all is reasoning.
struct ReasonedText {
  absl::string_view reasoning;  // from the first <think>, or the start
  std::optional<absl::string_view> rest;
};
ReasonedText SplitReasoning(absl::string_view completion);

// The one answer of a completion, or why there is none.
struct ExtractedAnswer {
  // Points into the completion, white space around it stripped, not empty.
  std::optional<absl::string_view> text;
  const char* problem = "";  // set when there is no answer
};

// The strict reading: what follows the reasoning must hold exactly one <answer>
// and, after it, exactly one </answer>, with text in between. Tags inside the
// reasoning do not count.
ExtractedAnswer ExtractAnswer(absl::string_view completion);

// The lenient reading: the last <answer>...</answer> anywhere, stripped.
std::optional<absl::string_view> LastAnswer(absl::string_view completion);

// What keeps the completion from being, white space aside, exactly
// <think>...</think><answer>...</answer> with each tag once and a non-empty
// answer; empty when nothing does.
std::string StrictFormatProblem(absl::string_view completion);

// Whether the four tags occur in this order, whatever else does.
bool HasTagsInOrder(absl::string_view completion);

}  // namespace r1

#endif  // R1_REWARD_FORMAT_TAGS_H_
