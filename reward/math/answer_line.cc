#include "reward/math/answer_line.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reward/math/nouns.h"
#include "reward/math/symbols.h"
#include "reward/math/units.h"

namespace r1 {
namespace {

constexpr size_t kMaxSentenceBytes = 4096;

// Where the last "answer", "Answer" or Chinese word for it before byte `end`
// ends.
size_t LastAnswerWord(absl::string_view text, size_t end) {
  for (size_t at = end; at > 0; --at) {
    for (const absl::string_view word : {"answer", "答案", "答"}) {
      if (at >= word.size() &&
          absl::EqualsIgnoreCase(text.substr(at - word.size(), word.size()),
                                 word)) {
        return at;
      }
    }
  }
  return absl::string_view::npos;
}

// Steps over what may stand between "answer" and the answer; false if the word
// does not announce one.
bool ConsumeMarker(absl::string_view* rest) {
  absl::ConsumePrefix(rest, "s");
  absl::ConsumePrefix(rest, "(s)");
  const auto skip = [rest] {
    while (!rest->empty() &&
           (absl::ascii_isspace(rest->front()) || rest->front() == '*') &&
           rest->front() != '\n') {
      rest->remove_prefix(1);
    }
  };
  skip();
  bool is_marked = false;
  for (const absl::string_view mark :
       {":", "is:", "is", "are", "=", "是:", "是", "为:", "为"}) {
    absl::string_view after = *rest;
    if (!absl::ConsumePrefix(&after, mark)) continue;
    if (absl::ascii_isalpha(mark.back()) && !after.empty() &&
        absl::ascii_isalnum(after.front())) {
      continue;
    }
    *rest = after;
    is_marked = true;
    break;
  }
  skip();
  return is_marked || absl::StartsWith(*rest, "$") ||
         absl::StartsWith(*rest, "\\(") || absl::StartsWith(*rest, "\\[");
}

absl::string_view Cut(absl::string_view line) {
  for (const absl::string_view end : {". I hope", ". Note", ".\" I hope"}) {
    line = line.substr(0, line.find(end));
  }
  return absl::StripAsciiWhitespace(line);
}

struct Delimiters {
  absl::string_view open, close;
  bool is_inline;  // on one line
};
constexpr Delimiters kDelimiters[] = {{"$$", "$$", false},
                                      {"$", "$", true},
                                      {"\\(", "\\)", true},
                                      {"\\[", "\\]", false}};

// The formulas of a text, without their delimiters.
std::vector<absl::string_view> Formulas(absl::string_view text) {
  std::vector<absl::string_view> formulas;
  for (size_t i = 0; i < text.size();) {
    const absl::string_view rest = text.substr(i);
    const auto* delimiters = std::find_if(
        std::begin(kDelimiters), std::end(kDelimiters),
        [&](const Delimiters& d) { return absl::StartsWith(rest, d.open); });
    if (delimiters == std::end(kDelimiters)) {
      i += rest[0] == '\\' ? 2 : 1;
      continue;
    }
    const absl::string_view inside = rest.substr(delimiters->open.size());
    const size_t close = inside.find(delimiters->close);
    if (close == absl::string_view::npos) break;
    const absl::string_view formula = inside.substr(0, close);
    if (!delimiters->is_inline || !absl::StrContains(formula, '\n')) {
      formulas.push_back(formula);
    }
    i += 2 * delimiters->open.size() + close;
  }
  return formulas;
}

// Words and sentence marks only, and no word that changes a number: no
// formula could have been misread.
bool IsProse(absl::string_view text) {
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" '.,:\"?"))) {
    if (math::ChangesNumber(word)) return false;
  }
  for (size_t i = 0; i < text.size();) {
    if (absl::ascii_isalnum(text[i]) ||
        absl::StrContains(" .,:'\"%$", text[i])) {
      ++i;
      continue;
    }
    const size_t num_bytes = math::ProseCharacter(text.substr(i));
    if (num_bytes == 0) return false;
    i += num_bytes;
  }
  return true;
}

// Whether the words behind a number, up to a function word or a mark, leave it
// what it is: "5 red marbles", "5 is", but not "5 halved".
bool MayFollowNumber(absl::string_view text) {
  std::vector<absl::string_view> words;
  while (absl::ConsumePrefix(&text, " ")) {
    size_t end = 0;
    while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
    const absl::string_view word = text.substr(0, end);
    if (word.empty() || math::IsFunctionWord(absl::AsciiStrToLower(word))) {
      break;
    }
    words.push_back(word);
    text.remove_prefix(end);
  }
  return words.empty() || math::CanBeUnit(absl::StrJoin(words, " "));
}

// The one number of a sentence in prose, with a percent sign after it.
std::optional<std::string> OneNumber(absl::string_view text) {
  if (!IsProse(text)) return std::nullopt;
  std::optional<std::string> number;
  for (size_t i = 0; i < text.size();) {
    if (!absl::ascii_isdigit(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() &&
           (absl::ascii_isdigit(text[end]) ||
            (absl::StrContains(".,", text[end]) && end + 1 < text.size() &&
             absl::ascii_isdigit(text[end + 1])))) {
      ++end;
    }
    const bool is_in_word =
        (i > 0 && absl::ascii_isalpha(text[i - 1])) ||
        (end < text.size() && absl::ascii_isalpha(text[end]));
    if (number.has_value() || is_in_word) return std::nullopt;
    if (!MayFollowNumber(text.substr(end))) return std::nullopt;
    number = std::string(text.substr(i, end - i));
    if (end < text.size() && text[end] == '%') *number += "\\%";
    i = end;
  }
  return number;
}

}  // namespace

std::optional<absl::string_view> AnswerLine(absl::string_view text) {
  for (size_t at = LastAnswerWord(text, text.size());
       at != absl::string_view::npos; at = LastAnswerWord(text, at - 1)) {
    absl::string_view rest = text.substr(at);
    if (!ConsumeMarker(&rest)) continue;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    for (const Delimiters& d : kDelimiters) {
      if (d.is_inline || !absl::StartsWith(rest, d.open)) continue;
      const size_t close = rest.find(d.close, d.open.size());
      if (close == absl::string_view::npos) break;
      return absl::StripAsciiWhitespace(rest.substr(0, close + d.close.size()));
    }
    return Cut(rest.substr(0, rest.find('\n')));
  }
  return std::nullopt;
}

std::vector<std::string> SentenceAnswers(absl::string_view text) {
  std::vector<std::string> answers;
  text = Cut(text);
  if (text.size() > kMaxSentenceBytes) {
    text = text.substr(text.size() - kMaxSentenceBytes);
    text = text.substr(std::min(text.find(' '), text.size()));  // no half word
  }
  while (absl::ConsumeSuffix(&text, ".") || absl::ConsumeSuffix(&text, " ")) {
  }
  // What follows the last verb.
  size_t verb = 0;
  for (const absl::string_view word :
       {" is ", " are ", " equals ", "'s ", " = ", ": ", " be "}) {
    const size_t at = text.rfind(word);
    if (at != absl::string_view::npos) verb = std::max(verb, at + word.size());
  }
  if (verb > 0) {
    // "not: 5" says what it is not; "it is not 3 but is 5" says what it is.
    const absl::string_view before = text.substr(0, verb);
    const bool is_label =
        absl::EndsWith(before, ": ") || absl::EndsWith(before, " = ");
    const size_t clause = before.find_last_of(".,;?!\n", verb - 3);
    if (!is_label || math::CanLabel(before.substr(clause + 1))) {
      answers.emplace_back(text.substr(verb));
    }
  }
  const std::vector<absl::string_view> formulas = Formulas(text);
  if (formulas.size() == 1) answers.emplace_back(formulas[0]);
  // The last sentence of the last line.
  absl::string_view sentence = text.substr(text.rfind('\n') + 1);
  for (const absl::string_view end : {". ", "$$", "\\]"}) {
    const size_t at = sentence.rfind(end);
    if (at != absl::string_view::npos) sentence = sentence.substr(at + 2);
  }
  auto number = OneNumber(sentence);
  if (number.has_value()) answers.push_back(*std::move(number));
  return answers;
}

}  // namespace r1
