#include "reward/math/remarks.h"

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reward/math/parse.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

// Without spaces of LaTeX and ticks on either side.
absl::string_view WithoutTicks(absl::string_view text) {
  static constexpr absl::string_view kMarks[] = {
      "\\checkmark", "\\quad", "\\qquad", "\\,",    "\\;",
      "\\ ",         "\u2713", "\u2714",  "\u2705", "\ufe0f"};
  bool is_changed = true;
  bool has_tick = false;
  const absl::string_view whole = text;
  while (is_changed) {
    text = absl::StripAsciiWhitespace(text);
    is_changed = false;
    for (const absl::string_view mark : kMarks) {
      if (!absl::ConsumeSuffix(&text, mark) &&
          !absl::ConsumePrefix(&text, mark)) {
        continue;
      }
      is_changed = true;
      has_tick |= mark[0] != '\\' || mark == "\\checkmark";
    }
  }
  return has_tick && !text.empty() ? text : whole;
}

// "the final answer is", "answer", in any case and perhaps before a colon.
bool AnnouncesAnswer(absl::string_view words) {
  const std::string lower = TextForm(words);
  absl::string_view rest = lower;
  for (const absl::string_view word :
       {"therefore ", "thus ", "hence ", "so ", "the ", "final ", "correct "}) {
    absl::ConsumePrefix(&rest, word);
  }
  return rest == "answer" || rest == "answer is" || rest == "answer:" ||
         rest == "\u7b54\u6848" || rest == "\u7b54\u6848\u662f" ||
         rest == "\u7b54\u6848\u4e3a" || rest == "\u7b54";
}

// Without "\text{The answer is } " and the same in plain letters.
absl::string_view WithoutAnnouncement(absl::string_view text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "\\text{") ||
      absl::ConsumePrefix(&rest, "\\textbf{") ||
      absl::ConsumePrefix(&rest, "\\mathrm{") ||
      absl::ConsumePrefix(&rest, "\\mbox{")) {
    const size_t close = rest.find('}');
    if (close == absl::string_view::npos ||
        !AnnouncesAnswer(rest.substr(0, close))) {
      return text;
    }
    rest = absl::StripLeadingAsciiWhitespace(rest.substr(close + 1));
    absl::ConsumePrefix(&rest, ":");
    return absl::StripAsciiWhitespace(rest);
  }
  for (const absl::string_view mark :
       {":", " is ", "\u7b54\u6848\u662f", "\u7b54\u6848\u4e3a"}) {
    const size_t at = text.find(mark);
    if (at == absl::string_view::npos ||
        !AnnouncesAnswer(text.substr(0, at + mark.size()))) {
      continue;
    }
    rest = absl::StripAsciiWhitespace(text.substr(at + mark.size()));
    absl::ConsumePrefix(&rest, ":");
    if (!rest.empty()) return absl::StripAsciiWhitespace(rest);
  }
  return text;
}

// What stands before and in the brackets at the end of a text.
struct Bracketed {
  absl::string_view before;
  absl::string_view inside;
  bool is_in_words = false;  // the brackets too: \text{ (cm)}
};

std::optional<Bracketed> SplitBracket(absl::string_view text) {
  // \text{ (about 2.33)}: the brackets are the whole of the words.
  bool is_in_words = false;
  if (absl::EndsWith(text, "}")) {
    const absl::string_view inside = text.substr(0, text.size() - 1);
    const absl::string_view stripped = absl::StripAsciiWhitespace(inside);
    if (!absl::EndsWith(stripped, ")") && !absl::EndsWith(stripped, "]")) {
      return std::nullopt;
    }
    text = stripped;
    is_in_words = true;
  }
  if (text.empty()) return std::nullopt;
  const char close = text.back();
  if (close != ')' && close != ']') return std::nullopt;
  const char open = close == ')' ? '(' : '[';
  int depth = 0;
  size_t at = text.size();
  while (at > 0) {
    --at;
    if (text[at] == close) ++depth;
    if (text[at] == open && --depth == 0) break;
  }
  if (depth != 0) return std::nullopt;
  Bracketed parts{text.substr(0, at),
                  text.substr(at + 1, text.size() - at - 2)};
  parts.is_in_words = is_in_words;
  parts.before = absl::StripTrailingAsciiWhitespace(parts.before);
  absl::ConsumeSuffix(&parts.before, "\\left");
  absl::ConsumeSuffix(&parts.inside, "\\right");
  if (is_in_words && !absl::ConsumeSuffix(&parts.before, "\\text{") &&
      !absl::ConsumeSuffix(&parts.before, "\\mathrm{")) {
    return std::nullopt;
  }
  for (const absl::string_view space : {"\\ ", "\\,", "\\;", "\\quad", "\\"}) {
    parts.before = absl::StripTrailingAsciiWhitespace(parts.before);
    absl::ConsumeSuffix(&parts.before, space);
  }
  parts.before = absl::StripAsciiWhitespace(parts.before);
  if (parts.before.empty() ||
      absl::StrContains("+-*/^_=<>(,{[|&",
                        parts.before.substr(parts.before.size() - 1))) {
    return std::nullopt;
  }
  return parts;
}

bool SaysAbout(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  absl::ConsumePrefix(&text, "\\text{");
  text = absl::StripLeadingAsciiWhitespace(text);
  absl::ConsumePrefix(&text, "or ");
  for (const absl::string_view word :
       {"\\approx", "\\simeq", "~", "\\sim", "\u2248", "about ", "approx",
        "around ", "roughly "}) {
    if (absl::StartsWithIgnoreCase(text, word)) return true;
  }
  return false;
}

// The words of a unit of measure in brackets; empty: it is something else.
std::string UnitIn(absl::string_view inside, bool is_in_words) {
  const bool is_words =
      is_in_words ||
      absl::StartsWith(absl::StripLeadingAsciiWhitespace(inside), "\\");
  const std::string words = TextForm(inside, /*keep_case=*/true);
  if (words == "unit" || words == "units") return words;
  if (CanonicalUnit(words).empty()) return "";
  // 5(m) is a product.
  return is_words || words.size() > 2 || IsUnitWord(words) ? words : "";
}

}  // namespace

absl::string_view WithoutOpener(absl::string_view text) {
  for (const absl::string_view word :
       {"therefore,", "therefore", "thus,", "thus", "hence,", "hence", "so,",
        "so", "answer:", "final answer:", "="}) {
    if (!absl::StartsWithIgnoreCase(text, word)) continue;
    const absl::string_view rest = text.substr(word.size());
    if (rest.empty() || !absl::ascii_isspace(rest[0])) continue;
    return absl::StripLeadingAsciiWhitespace(rest);
  }
  return text;
}

std::string WithoutRemarks(absl::string_view text) {
  text = WithoutAnnouncement(WithoutTicks(text));
  absl::ConsumeSuffix(&text, "/-");  // Rs. 250/-
  // "10\sqrt2 \text{ or about } 14.14"
  for (const absl::string_view word :
       {"or approximately ", "or about ", "or roughly ", "or approx. "}) {
    absl::string_view before = text.substr(0, text.find(word));
    if (before.size() == text.size()) continue;
    before = absl::StripTrailingAsciiWhitespace(before);
    absl::ConsumeSuffix(&before, "\\text{");
    before = absl::StripTrailingAsciiWhitespace(before);
    absl::ConsumeSuffix(&before, ",");
    if (!before.empty()) text = before;
  }
  const auto parts = SplitBracket(absl::StripSuffix(text, "."));
  if (!parts.has_value()) return std::string(text);
  if (SaysAbout(parts->inside)) return std::string(parts->before);
  const std::string unit = UnitIn(parts->inside, parts->is_in_words);
  if (unit.empty()) return std::string(text);
  return absl::StrCat(parts->before, " \\text{ ", unit, "}");
}

}  // namespace r1::math
