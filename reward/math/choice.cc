#include "reward/math/choice.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "reward/math/symbols.h"

namespace r1 {
namespace {

constexpr char kLetters[] = "ABCDEFGHIJ";
constexpr size_t kMaxChoiceBytes = 512;

using Words = std::initializer_list<absl::string_view>;

bool IsLetter(char c) { return c != '\0' && absl::StrContains(kLetters, c); }

// Steps over what fonts, Markdown and mathematics put before a letter.
void SkipMarkup(absl::string_view* text) {
  while (true) {
    *text = absl::StripLeadingAsciiWhitespace(*text);
    if (absl::StartsWith(*text, "\\")) {  // \text, \mathrm, "\ "
      size_t end = 1;
      while (end < text->size() && absl::ascii_isalpha((*text)[end])) ++end;
      const math::CommandRole role =
          math::FindCommand(text->substr(1, end - 1)).role;
      if (end > 1 && role != math::CommandRole::kText &&
          role != math::CommandRole::kFormat &&
          role != math::CommandRole::kSkip) {
        return;
      }
      text->remove_prefix(std::min(std::max<size_t>(end, 2), text->size()));
    } else if (!text->empty() && absl::StrContains("{}$*`", text->front())) {
      text->remove_prefix(1);
    } else {
      return;
    }
  }
}

// Takes one of `words` off, in any case, where no letter goes on. Words of
// Chinese have no space behind them.
bool ConsumeWord(absl::string_view* text, Words words) {
  for (const absl::string_view word : words) {
    if (!absl::StartsWithIgnoreCase(*text, word)) continue;
    const absl::string_view rest = text->substr(word.size());
    if (absl::ascii_isalpha(word.back()) && !rest.empty() &&
        absl::ascii_isalnum(rest[0])) {
      continue;
    }
    *text = rest;
    return true;
  }
  return false;
}

// Takes "The correct answer is: option" off.
absl::string_view WithoutOpener(absl::string_view text) {
  SkipMarkup(&text);
  while (ConsumeWord(&text, {"the",          "so",           "thus",
                             "hence",        "therefore",    "final",
                             "best",         "right",        "correct",
                             "answers",      "answer",       "option",
                             "choice",       "options",      "choices",
                             "is",           "are",          ":",
                             "\u6545",       "\u56e0\u6b64", "\u6240\u4ee5",
                             "\u6b63\u786e", "\u7b54\u6848", "ans",
                             "\u9009\u9879", "\u9009\u62e9", "\u9009",
                             "\u662f",       "\u4e3a"})) {
    SkipMarkup(&text);
    if (text.size() > 1 && text[0] == ',') text.remove_prefix(1);
    SkipMarkup(&text);
  }
  return text;
}

// "B) 42" after SkipMarkup(): the letter with its mark, in brackets or before
// one of ").:", is taken off.
std::optional<char> ConsumeMarked(absl::string_view* text) {
  absl::string_view rest = *text;
  const bool is_open =
      absl::ConsumePrefix(&rest, "(") || absl::ConsumePrefix(&rest, "[");
  SkipMarkup(&rest);
  if (rest.empty()) return std::nullopt;
  // Small ones are letters in brackets only: "(b)".
  const char letter = is_open ? absl::ascii_toupper(rest[0]) : rest[0];
  if (!IsLetter(letter)) return std::nullopt;
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

// The letters of "A, B and (C)", in capitals or all small; nothing if anything
// else stands there or a letter stands there twice.
std::optional<std::string> Letters(absl::string_view text, bool any_case) {
  std::string letters;
  bool needs_more = true;  // after a comma or "and"
  while (true) {
    SkipMarkup(&text);
    while (absl::ConsumePrefix(&text, ".")) SkipMarkup(&text);
    if (text.empty()) break;
    if (!letters.empty() &&
        (absl::ConsumePrefix(&text, ",") || absl::ConsumePrefix(&text, ";") ||
         absl::ConsumePrefix(&text, "&") ||
         ConsumeWord(&text, {"and", "\u548c", "\u4e0e", "\u53ca"}))) {
      needs_more = true;
      continue;
    }
    if (const auto marked = ConsumeMarked(&text)) {
      letters.push_back(*marked);
    } else {
      size_t end = 0;
      while (end < text.size() && IsLetter(text[end])) ++end;
      if (any_case && end == 0 && IsLetter(absl::ascii_toupper(text[0])))
        end = 1;
      const absl::string_view rest = text.substr(end);
      if (end == 0 ||
          (!rest.empty() && (absl::ascii_isalnum(rest[0]) ||
                             absl::StrContains("_^'+-=(/<>|!", rest[0])))) {
        return std::nullopt;
      }
      for (const char c : text.substr(0, end)) {
        letters.push_back(absl::ascii_toupper(c));
      }
      text = rest;
    }
    needs_more = false;
    if (letters.size() > sizeof(kLetters)) return std::nullopt;
  }
  if (needs_more || letters.empty()) return std::nullopt;
  for (size_t i = 0; i < letters.size(); ++i) {
    if (letters.find(letters[i], i + 1) != letters.npos) return std::nullopt;
  }
  return letters;
}

// Without "because B is too large" and "is correct" behind the letters.
absl::string_view WithoutReason(absl::string_view text) {
  for (const absl::string_view word :
       {" because", " since", ", as ", ", so ", ", for "}) {
    text = text.substr(0, text.find(word));
  }
  text = absl::StripAsciiWhitespace(text);
  absl::ConsumeSuffix(&text, ",");
  absl::ConsumeSuffix(&text, ".");
  for (const absl::string_view verb : {" is ", " are "}) {
    const size_t at = text.rfind(verb);
    if (at == absl::string_view::npos) continue;
    absl::string_view rest = text.substr(at + verb.size());
    SkipMarkup(&rest);
    bool is_verdict = false;
    while (ConsumeWord(
        &rest, {"the", "correct", "right", "true", "best", "answers", "answer",
                "options", "option", "choices", "choice"})) {
      is_verdict = true;
      SkipMarkup(&rest);
    }
    if (is_verdict && rest.empty()) return text.substr(0, at);
  }
  return text;
}

// Whether a sentence goes on behind a letter, in place of an option's text.
bool GoesOn(absl::string_view text) {
  SkipMarkup(&text);
  return absl::StartsWith(text, ",") || absl::StartsWith(text, "/") ||
         absl::StartsWith(text, "=") ||
         ConsumeWord(&text, {"or", "and", "is", "isn't", "are", "was", "not",
                             "cannot", "can't", "does", "nor", "maybe"});
}

// Whether a sentence is about what is not chosen.
bool Denies(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const absl::string_view word : {"not ", "n't", "wrong", "incorrect",
                                       "false", "never", "except", "\u4e0d"}) {
    if (absl::StrContains(lower, word)) return true;
  }
  return false;
}

}  // namespace

std::optional<Choice> FindChoice(absl::string_view text) {
  if (text.size() > kMaxChoiceBytes) return std::nullopt;
  text = WithoutOpener(text);
  const auto letters = Letters(WithoutReason(text), /*any_case=*/false);
  if (letters.has_value()) {
    if (letters->size() > 1) return std::nullopt;
    return Choice{letters->front()};
  }
  absl::string_view rest = text;
  const auto letter = ConsumeMarked(&rest);
  if (!letter.has_value() || GoesOn(rest) || HasMarkedLetter(rest)) {
    return std::nullopt;
  }
  // The braces of a font that began before the letter are not the option's.
  absl::ConsumePrefix(&rest, "}");
  return Choice{*letter, std::string(absl::StripAsciiWhitespace(rest))};
}

std::optional<std::string> FindLetters(absl::string_view text) {
  if (text.size() > kMaxChoiceBytes) return std::nullopt;
  SkipMarkup(&text);
  return Letters(text, /*any_case=*/false);
}

std::optional<std::string> ReadChoice(absl::string_view text) {
  const auto read = [](absl::string_view part) -> std::optional<std::string> {
    if (part.size() > kMaxChoiceBytes) return std::nullopt;
    auto letters = Letters(WithoutReason(WithoutOpener(part)),
                           /*any_case=*/true);
    if (letters.has_value()) {
      std::sort(letters->begin(), letters->end());
      return letters;
    }
    const auto choice = FindChoice(part);
    if (!choice.has_value()) return std::nullopt;
    return std::string(1, choice->letter);
  };
  text = absl::StripAsciiWhitespace(text);
  if (auto letters = read(text)) return letters;
  const absl::string_view line = text.substr(text.rfind('\n') + 1);
  if (auto letters = read(line)) return letters;
  // What follows a verb, the last first.
  if (line.size() > kMaxChoiceBytes) return std::nullopt;
  for (size_t at = line.size(); at > 0; --at) {
    for (const absl::string_view verb :
         {"is ", "are ", "'s ", "choose ", "select ", "pick ", "option ",
          "with ", "that ", "\u7b54\u6848\u662f", "\u7b54\u6848\u4e3a",
          "\u9009"}) {
      if (!absl::StartsWithIgnoreCase(line.substr(at), verb) ||
          (verb[0] != '\'' && absl::ascii_isalnum(line[at - 1])) ||
          Denies(line.substr(0, at))) {
        continue;
      }
      if (auto letters = read(line.substr(at + verb.size()))) return letters;
    }
  }
  return std::nullopt;
}

}  // namespace r1
