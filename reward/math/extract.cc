#include "reward/math/extract.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reward/format/tags.h"
#include "reward/math/answer_line.h"

namespace r1 {
namespace {

constexpr size_t kMaxGap = 40;  // bytes between boxes of one list

MathAnswer None(absl::string_view problem) {
  return {std::nullopt, std::string(problem)};
}

MathAnswer Some(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return None("the answer is empty");
  return {std::string(text)};
}

struct Box {
  size_t begin;  // of \boxed
  size_t inside;
  size_t end;  // after its closing brace
};

// The outermost complete boxes, in order, in one pass; *is_cut says whether
// one was opened after the last of them and not closed.
std::vector<Box> Boxes(absl::string_view text, bool* is_cut) {
  struct Open {
    Box box;
    size_t depth;
  };
  std::vector<Box> boxes;
  std::vector<Open> open;
  size_t depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      const size_t begin = i;
      while (i + 1 < text.size() && text[i + 1] == '\\') ++i;
      absl::string_view rest = text.substr(i + 1);
      if (absl::ConsumePrefix(&rest, "boxed") ||
          absl::ConsumePrefix(&rest, "fbox")) {
        rest = absl::StripLeadingAsciiWhitespace(rest);
        if (absl::StartsWith(rest, "{")) {
          i = text.size() - rest.size();
          open.push_back({{begin, i + 1, 0}, depth++});
        }
      } else if (!rest.empty() && (rest[0] == '{' || rest[0] == '}')) {
        ++i;  // a brace that is shown
      }
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && depth > 0) {
      --depth;
      if (open.empty() || open.back().depth != depth) continue;
      Box box = open.back().box;
      box.end = i + 1;
      open.pop_back();
      while (!boxes.empty() && boxes.back().begin > box.begin) boxes.pop_back();
      boxes.push_back(box);
    }
  }
  *is_cut = !open.empty() &&
            (boxes.empty() || open.back().box.begin > boxes.back().begin);
  return boxes;
}

// Whether the text between two boxes makes one list of them: it says "and" or
// "or", or is nothing but commas, space and commands such as \quad.
bool JoinsBoxes(absl::string_view gap) {
  if (gap.size() > kMaxGap || absl::StrContains(gap, "\n\n")) return false;
  const std::string lower = absl::AsciiStrToLower(gap);
  for (const absl::string_view word : {" and ", "{and", " or ", "{or"}) {
    if (absl::StrContains(lower, word)) return !absl::StrContains(gap, ".");
  }
  for (size_t i = 0; i < gap.size(); ++i) {
    if (gap[i] == '\\') {
      while (i + 1 < gap.size() && absl::ascii_isalpha(gap[i + 1])) ++i;
    } else if (absl::ascii_isalnum(gap[i]) ||
               absl::StrContains("=<>+-*/.:", gap[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace

MathAnswer LastBox(absl::string_view text, BoxPolicy policy) {
  bool is_cut = false;
  const std::vector<Box> boxes = Boxes(text, &is_cut);
  if (is_cut) return None("the last box is not closed");
  if (boxes.empty()) return None("no box after the reasoning");
  const auto content = [&](const Box& box) {
    return absl::StripAsciiWhitespace(
        text.substr(box.inside, box.end - 1 - box.inside));
  };
  if (policy == BoxPolicy::kOnly) {
    for (const Box& box : boxes) {
      if (content(box) != content(boxes[0])) return None("several boxes");
    }
    return Some(content(boxes[0]));
  }
  size_t first = boxes.size() - 1;
  while (first > 0 &&
         JoinsBoxes(text.substr(boxes[first - 1].end,
                                boxes[first].begin - boxes[first - 1].end))) {
    --first;
  }
  std::vector<absl::string_view> parts;
  for (size_t i = first; i < boxes.size(); ++i) {
    const absl::string_view part = content(boxes[i]);
    if (part.empty()) return None("the box is empty");
    // Each is looked for among a few only: repeated ones follow each other.
    const size_t num_seen = std::min<size_t>(parts.size(), 8);
    if (std::find(parts.end() - num_seen, parts.end(), part) == parts.end()) {
      parts.push_back(part);
    }
  }
  std::string list;
  for (const absl::string_view part : parts) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", part);
  }
  return Some(list);
}

MathAnswer ExtractMathAnswer(absl::string_view completion,
                             const MathOptions& options) {
  if (options.mode == MathMode::kTag) {
    const ExtractedAnswer answer = ExtractAnswer(completion);
    if (!answer.text.has_value()) return None(answer.problem);
    return Some(*answer.text);
  }
  const auto text = SplitReasoning(completion).rest;
  if (!text.has_value()) return None("the reasoning is not closed");
  switch (options.mode) {
    case MathMode::kBoxed:
      return LastBox(*text, options.boxes);
    case MathMode::kHash: {
      const size_t at = text->rfind("####");
      if (at == absl::string_view::npos) return None("no \"####\"");
      const absl::string_view rest = text->substr(at + 4);
      return Some(rest.substr(0, rest.find('\n')));
    }
    case MathMode::kLine: {
      const auto line = AnswerLine(*text);
      if (!line.has_value()) return None("no \"answer is\" or \"answer:\"");
      return Some(*line);
    }
    case MathMode::kChoice: {
      const MathAnswer box = LastBox(*text, options.boxes);
      if (box.text.has_value() || absl::StrContains(box.problem, "closed")) {
        return box;
      }
      const auto line = AnswerLine(*text);
      return Some(line.has_value() ? *line : *text);
    }
    default:
      return Some(*text);
  }
}

}  // namespace r1
