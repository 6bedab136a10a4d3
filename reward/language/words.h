// The words of a text that say in which language it is written.
#ifndef R1_REWARD_LANGUAGE_WORDS_H_
#define R1_REWARD_LANGUAGE_WORDS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "reward/language/script.h"

namespace r1 {

// Whether a character is a letter, or a mark that belongs to one.
bool IsLetterOrMark(int32_t code_point);

// What of a text is prose, and where its sentences end.
struct WordVisitor {
  // `word`: the letters, compatibility forms resolved (NFKD), case folded,
  // accents removed, valid until the call returns.
  std::function<void(Script script, const std::string& word)> word;
  std::function<void()> sentence_end;
};

// Calls the visitor for the prose of `text`, in order. Words are runs of
// letters of one script; a Han or kana character is a word of its own. No
// words:
//   - formulas: $...$ on one line, $$...$$, \(...\), \[...\],
//     \begin{..}...\end{..} and TeX commands;
//   - code: between ``` (to the end where it is not closed), `...` on one line,
//     and names with digits or underscores;
//   - URLs, numbers, symbols, the four tags, and single letters of scripts with
//     spaces, which are mostly variables.
// A sentence ends at . ! ? ; their full-width forms, and line ends, but not at
// a decimal point.
// Linear in the text, whatever it holds.
void VisitWords(absl::string_view text, const WordVisitor& visitor);

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_WORDS_H_
