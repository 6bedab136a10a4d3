#include "reward/math/choice.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace r1 {
namespace {

constexpr char kLetters[] = "ABCDEFGHIJ";
constexpr size_t kMaxChoiceBytes = 512;

bool IsLetter(char c) { return c != '\0' && absl::StrContains(kLetters, c); }

// Steps over what fonts and mathematics put before a letter.
void SkipMarkup(absl::string_view* text) {
  while (true) {
    *text = absl::StripLeadingAsciiWhitespace(*text);
    if (absl::StartsWith(*text, "\\")) {  // \text, \mathrm, "\ "
      size_t end = 1;
      while (end < text->size() && absl::ascii_isalpha((*text)[end])) ++end;
      text->remove_prefix(std::min(std::max<size_t>(end, 2), text->size()));
    } else if (!text->empty() && absl::StrContains("{}$*", text->front())) {
      text->remove_prefix(1);
    } else {
      return;
    }
  }
}

// "B) 42" after SkipMarkup(): the letter with its mark, in brackets or before
// one of ").:", is taken off.
std::optional<char> ConsumeMarked(absl::string_view* text) {
  absl::string_view rest = *text;
  const bool is_open =
      absl::ConsumePrefix(&rest, "(") || absl::ConsumePrefix(&rest, "[");
  SkipMarkup(&rest);
  if (rest.empty() || !IsLetter(rest[0])) return std::nullopt;
  const char letter = rest[0];
  rest.remove_prefix(1);
  while (!rest.empty() && absl::StrContains("}*", rest[0])) {
    rest.remove_prefix(1);
  }
  const bool is_closed =
      absl::ConsumePrefix(&rest, ")") || absl::ConsumePrefix(&rest, "]");
  if (is_open != is_closed && is_open) return std::nullopt;
  if (!is_closed) {
    if (!absl::ConsumePrefix(&rest, ".") && !absl::ConsumePrefix(&rest, ":")) {
      return std::nullopt;
    }
    // A.B is no letter with a mark.
    if (!rest.empty() && absl::ascii_isalnum(rest[0])) return std::nullopt;
  }
  *text = rest;
  return letter;
}

// Whether one more letter is marked in the text of an option.
bool HasMarkedLetter(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && absl::ascii_isalnum(text[i - 1])) continue;
    absl::string_view rest = text.substr(i);
    if (ConsumeMarked(&rest).has_value()) return true;
  }
  return false;
}

// B, B), B. and nothing else: as a lone letter.
bool IsBlank(absl::string_view text) {
  SkipMarkup(&text);
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isspace(c) || absl::StrContains(".}$*", c);
  });
}

}  // namespace

std::optional<Choice> FindChoice(absl::string_view text) {
  if (text.size() > kMaxChoiceBytes) return std::nullopt;
  SkipMarkup(&text);
  for (const absl::string_view word : {"option", "choice", "answer"}) {
    if (!absl::StartsWithIgnoreCase(text, word)) continue;
    absl::string_view rest = text.substr(word.size());
    absl::ConsumePrefix(&rest, ":");
    if (!rest.empty() && absl::ascii_isalnum(rest[0])) continue;
    text = rest;
    SkipMarkup(&text);
  }
  absl::string_view rest = text;
  const auto letter = ConsumeMarked(&rest);
  if (!letter.has_value()) {
    if (text.empty() || !IsLetter(text[0]) || !IsBlank(text.substr(1))) {
      return std::nullopt;
    }
    return Choice{text[0]};
  }
  if (IsBlank(rest)) return Choice{*letter};
  absl::string_view begin = rest;
  SkipMarkup(&begin);
  const bool goes_on = absl::StartsWithIgnoreCase(begin, "or ") ||
                       absl::StartsWithIgnoreCase(begin, "and ") ||
                       absl::StartsWith(begin, ",") ||
                       absl::StartsWith(begin, "/");
  if (goes_on || HasMarkedLetter(rest)) return std::nullopt;
  // The braces of a font that began before the letter are not the option's.
  absl::ConsumePrefix(&rest, "}");
  return Choice{*letter, std::string(absl::StripAsciiWhitespace(rest))};
}

std::optional<std::string> ChoiceLetter(absl::string_view text) {
  std::string bare;
  for (size_t i = 0; i < text.size() && bare.size() < 4; ++i) {
    if (text[i] == '\\') {  // \text, \mathrm, "\ "
      size_t end = i + 1;
      while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
      i = std::max(end, i + 2) - 1;
    } else if (!absl::StrContains(" {}()$*[]\n\t", text[i]) || text[i] == ')') {
      bare.push_back(text[i]);
    }
  }
  if (bare.empty()) return std::nullopt;
  const char letter = absl::ascii_toupper(bare[0]);
  if (!IsLetter(letter)) return std::nullopt;
  const absl::string_view rest = absl::string_view(bare).substr(1);
  // A lone letter, or one marked off from the text of its choice.
  if (!rest.empty() && !absl::StrContains(").:,", rest[0])) return std::nullopt;
  // "A, B" chooses two.
  if (rest.size() > 1 && IsLetter(rest[1]) &&
      (rest.size() == 2 || !absl::ascii_isalpha(rest[2]))) {
    return std::nullopt;
  }
  return std::string(1, letter);
}

}  // namespace r1
