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

// A run of letters of one script; a Han or kana character; about four letters
// of Thai, which has no spaces.
struct Word {
  Script script = Script::kOther;
  // Compatibility forms resolved (NFKD), case folded, accents removed.
  std::string letters;
  // Those of the letters that have accents, each followed by them.
  std::string accented;
};

// What of a text is prose, and where its sentences end.
struct WordVisitor {
  // Valid until the call returns.
  std::function<void(const Word& word)> word;
  std::function<void()> sentence_end;
};

// Calls the visitor for the prose of `text`, in order. No words are numbers,
// symbols, URLs, TeX commands, the four tags, and single letters of scripts
// with spaces, which are mostly variables; but "a" with an accent is one. What
// is skipped:
//   - formulas: $...$ on one line, $$...$$, \(...\), \[...\] and
//     \begin{..}...\end{..};
//   - code: between ``` (to the end where it is not closed), `...` on one line,
//     and Latin names with digits or underscores.
// Prose cannot hide there: six such words in a row, or three that have their
// line for themselves, are a sentence of their own after that line. In a row
// are words with nothing but spaces, digits, and _ - ' , . ` $ between them.
// A sentence ends at . ! ? ; their full-width forms, and line ends, but not at
// a decimal point.
// Linear in the text, whatever it holds.
void VisitWords(absl::string_view text, const WordVisitor& visitor);

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_WORDS_H_
