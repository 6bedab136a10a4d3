#include "reward/math/extract.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reward/format/tags.h"
#include "reward/math/answer_line.h"
#include "reward/math/choice.h"
#include "reward/math/mended_text.h"

namespace r1 {
namespace {

constexpr size_t kMaxGap = 40;  // bytes between boxes of one list

MathAnswer None(absl::string_view problem) {
  return {std::nullopt, std::string(problem)};
}

// Ends before <|im_end|> or <|end_of_text|>, but 1 <|z|< 2 is mathematics.
absl::string_view BeforeSpecialToken(absl::string_view text) {
  text = text.substr(0, text.find("</s>"));
  for (size_t at = text.find("<|"); at != absl::string_view::npos;
       at = text.find("<|", at + 1)) {
    const absl::string_view rest = text.substr(at + 2);
    size_t end = 0;
    while (end < rest.size() &&
           (absl::ascii_isalnum(rest[end]) || rest[end] == '_' ||
            static_cast<unsigned char>(rest[end]) >= 128)) {
      ++end;
    }
    if (end > 2 && absl::StartsWith(rest.substr(end), "|>")) {
      return text.substr(0, at);
    }
  }
  return text;
}

// A tab before "imes" is no white space, so mended first.
std::string Stripped(absl::string_view text) {
  return std::string(absl::StripAsciiWhitespace(
      math::MendedText(text, math::TextRole::kAnswer)));
}

MathAnswer Some(absl::string_view text) {
  const std::string mended = Stripped(BeforeSpecialToken(text));
  if (mended.empty()) return None("the answer is empty");
  return {mended};
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

// What stands on the line before a box: "- $x = ".
struct Head {
  bool is_item = false;    // of a list, one a line
  std::string name;        // x, where "x =" stands there
  absl::string_view rest;  // before the name and after the bullet
};

Head HeadOf(absl::string_view text) {
  Head head;
  const auto strip = [&text] {
    text = absl::StripAsciiWhitespace(text);
    while (absl::ConsumeSuffix(&text, "$") || absl::ConsumeSuffix(&text, " ") ||
           absl::ConsumeSuffix(&text, "\\(") ||
           absl::ConsumeSuffix(&text, "\\[")) {
    }
  };
  strip();
  if (absl::ConsumeSuffix(&text, "=")) {
    strip();
    size_t begin = text.size();
    while (begin > 0 && (absl::ascii_isalnum(text[begin - 1]) ||
                         absl::StrContains("_{}'", text[begin - 1]))) {
      --begin;
    }
    head.name = std::string(text.substr(begin));
    text = text.substr(0, begin);
    strip();
  }
  const size_t num_digits =
      std::min(text.find_first_not_of("0123456789"), text.size());
  absl::string_view rest = text.substr(num_digits);
  head.is_item = num_digits > 0 ? absl::ConsumePrefix(&rest, ".") ||
                                      absl::ConsumePrefix(&rest, ")")
                                : absl::ConsumePrefix(&rest, "-") ||
                                      absl::ConsumePrefix(&rest, "*") ||
                                      absl::ConsumePrefix(&rest, "+");
  head.rest = head.is_item ? absl::StripAsciiWhitespace(rest) : text;
  return head;
}

// Whether two boxes that follow each other are one list: joined in a sentence,
// or each an item on a line of its own, and of the same name.
bool AreOneList(absl::string_view text, const Box& a, const Box& b) {
  const absl::string_view gap = text.substr(a.end, b.begin - a.end);
  if (gap.size() > kMaxGap) return false;
  // A bounded look back, so that many boxes on one line cost no more.
  const size_t from = a.begin - std::min(a.begin, kMaxGap);
  absl::string_view before = text.substr(from, a.begin - from);
  const size_t line = before.rfind('\n');
  const bool is_whole_line = line != absl::string_view::npos || from == 0;
  if (line != absl::string_view::npos) before.remove_prefix(line + 1);
  const Head first = HeadOf(before);
  const size_t end = gap.find('\n');
  if (end != absl::string_view::npos && is_whole_line && first.is_item) {
    const Head second = HeadOf(gap.substr(gap.rfind('\n') + 1));
    return second.is_item && first.rest.empty() && second.rest.empty() &&
           first.name == second.name &&
           gap.substr(0, end).find_first_not_of(" $.,;)\\") ==
               absl::string_view::npos;
  }
  const Head second = HeadOf(gap);
  if (second.name.empty()) return JoinsBoxes(gap);
  return first.name == second.name &&
         JoinsBoxes(absl::StrCat(second.rest, " "));
}

}  // namespace

MathAnswer LastBox(absl::string_view text, BoxPolicy policy) {
  bool is_cut = false;
  const std::vector<Box> boxes = Boxes(text, &is_cut);
  if (is_cut) return None("the last box is not closed");
  if (boxes.empty()) return None("no box after the reasoning");
  const auto content = [&](const Box& box) {
    return Stripped(text.substr(box.inside, box.end - 1 - box.inside));
  };
  if (policy == BoxPolicy::kOnly) {
    const std::string only = content(boxes[0]);
    for (const Box& box : boxes) {
      if (content(box) != only) return None("several boxes");
    }
    return Some(only);
  }
  size_t first = boxes.size() - 1;
  while (first > 0 && AreOneList(text, boxes[first - 1], boxes[first])) {
    --first;
  }
  std::vector<std::string> parts;
  for (size_t i = first; i < boxes.size(); ++i) {
    const std::string part = content(boxes[i]);
    if (part.empty()) return None("the box is empty");
    // Each is looked for among a few only: repeated ones follow each other.
    const size_t num_seen = std::min<size_t>(parts.size(), 8);
    if (std::find(parts.end() - num_seen, parts.end(), part) == parts.end()) {
      parts.push_back(part);
    }
  }
  std::string list;
  for (const std::string& part : parts) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", part);
  }
  return Some(list);
}

MathAnswer ExtractMathAnswer(absl::string_view source,
                             const MathOptions& options) {
  const std::string completion =
      math::MendedText(source, math::TextRole::kCompletion);
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
      MathAnswer box = LastBox(*text, options.boxes);
      if (absl::StrContains(box.problem, "closed") ||
          (box.text.has_value() && ReadChoice(*box.text).has_value())) {
        return box;
      }
      // A box with the option's value does not say which option it is.
      const auto tag = LastAnswer(*text);
      if (tag.has_value()) return Some(*tag);
      const auto line = AnswerLine(*text);
      return Some(line.has_value() ? *line : *text);
    }
    default:
      return Some(*text);
  }
}

}  // namespace r1
