#include "reward/format/tags.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

// In the order of enum Tag, which is also the order of a good completion.
constexpr absl::string_view kTagText[] = {"<think>", "</think>", "<answer>",
                                          "</answer>"};
constexpr int kNumTags = 4;

bool IsBlank(absl::string_view text) {
  return absl::StripLeadingAsciiWhitespace(text).empty();
}

}  // namespace

std::optional<TagSpan> NextTag(absl::string_view text, size_t from) {
  for (size_t at = text.find('<', from); at != absl::string_view::npos;
       at = text.find('<', at + 1)) {
    const absl::string_view rest = text.substr(at);
    // "<t", "<a" or "</": most "<" end here.
    if (rest.size() < 2 || !absl::StrContains("ta/", rest[1])) continue;
    for (int i = 0; i < kNumTags; ++i) {
      if (absl::StartsWith(rest, kTagText[i])) {
        return TagSpan{static_cast<Tag>(i), at, at + kTagText[i].size()};
      }
    }
  }
  return std::nullopt;
}

ReasonedText SplitReasoning(absl::string_view completion) {
  const absl::string_view kOpen = kTagText[static_cast<int>(Tag::kThinkOpen)];
  const absl::string_view kClose = kTagText[static_cast<int>(Tag::kThinkClose)];
  const size_t open = completion.find(kOpen);
  const size_t close = completion.rfind(kClose);
  const bool is_opened = open != completion.npos;
  const bool is_closed = close != completion.npos;
  const size_t begin = is_opened ? open + kOpen.size() : 0;
  const size_t end = is_closed && close >= begin ? close : completion.size();
  ReasonedText parts;
  parts.reasoning = completion.substr(begin, end - begin);
  const absl::string_view rest =
      is_closed ? completion.substr(close + kClose.size()) : completion;
  if (!absl::StrContains(rest, kOpen)) parts.rest = rest;
  return parts;
}

ExtractedAnswer ExtractAnswer(absl::string_view completion) {
  const auto rest = SplitReasoning(completion).rest;
  if (!rest.has_value()) return {std::nullopt, "the reasoning is not closed"};
  size_t num_opened = 0, num_closed = 0;
  size_t begin = 0, end = 0;
  for (auto tag = NextTag(*rest, 0); tag.has_value();
       tag = NextTag(*rest, tag->end)) {
    if (tag->tag == Tag::kAnswerOpen) {
      ++num_opened;
      begin = tag->end;
    } else {
      ++num_closed;
      end = tag->begin;
    }
  }
  if (num_opened == 0) return {std::nullopt, "no <answer> after the reasoning"};
  if (num_closed == 0) return {std::nullopt, "<answer> is not closed"};
  if (num_opened > 1 || num_closed > 1) {
    return {std::nullopt, "several answers"};
  }
  if (end < begin) return {std::nullopt, "</answer> before <answer>"};
  const absl::string_view text =
      absl::StripAsciiWhitespace(rest->substr(begin, end - begin));
  if (text.empty()) return {std::nullopt, "the answer is empty"};
  return {text, ""};
}

std::optional<absl::string_view> LastAnswer(absl::string_view completion) {
  std::optional<absl::string_view> last;
  std::optional<size_t> begin;
  for (auto tag = NextTag(completion, 0); tag.has_value();
       tag = NextTag(completion, tag->end)) {
    if (tag->tag == Tag::kAnswerOpen) {
      begin = tag->end;
    } else if (tag->tag == Tag::kAnswerClose && begin.has_value()) {
      last = absl::StripAsciiWhitespace(
          completion.substr(*begin, tag->begin - *begin));
      begin.reset();
    }
  }
  return last;
}

std::string StrictFormatProblem(absl::string_view completion) {
  size_t done = 0;  // bytes read
  for (int i = 0; i < kNumTags; ++i) {
    const auto tag = NextTag(completion, done);
    if (!tag.has_value()) return absl::StrCat(kTagText[i], " is missing");
    if (tag->tag != static_cast<Tag>(i)) {
      return absl::StrCat("expected ", kTagText[i], ", found ",
                          kTagText[static_cast<int>(tag->tag)]);
    }
    const absl::string_view between =
        completion.substr(done, tag->begin - done);
    const bool is_outside = i == 0 || i == 2;
    if (is_outside && !IsBlank(between)) {
      return absl::StrCat("text before ", kTagText[i], ": \"",
                          Excerpt(absl::StripAsciiWhitespace(between)), "\"");
    }
    if (i == 3 && IsBlank(between)) return "the answer is empty";
    done = tag->end;
  }
  const absl::string_view rest = completion.substr(done);
  if (!IsBlank(rest)) {
    return absl::StrCat("text after </answer>: \"",
                        Excerpt(absl::StripAsciiWhitespace(rest)), "\"");
  }
  return "";
}

bool HasTagsInOrder(absl::string_view completion) {
  int next = 0;
  for (auto tag = NextTag(completion, 0); tag.has_value() && next < kNumTags;
       tag = NextTag(completion, tag->end)) {
    if (tag->tag == static_cast<Tag>(next)) ++next;
  }
  return next == kNumTags;
}

}  // namespace r1
