// Languages, and which one a stretch of prose is written in.
#ifndef R1_REWARD_LANGUAGE_LANGUAGE_H_
#define R1_REWARD_LANGUAGE_LANGUAGE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reward/language/script.h"

namespace r1 {

struct Language {
  absl::string_view code;  // ISO 639-1
  Script script;
};

// All that can be a target.
absl::Span<const Language> Languages();

// How many words of a text are in a language.
struct WordShare {
  int64_t target = 0;
  int64_t all = 0;
};

// Counts the words of `text` (words.h) that are in languages[target].
//   - A script of its own is its language: Cyrillic is Russian, Hangul Korean.
//   - Han and kana, a word each, are Japanese in a sentence with kana among
//     them (a tenth or more), else Han is Chinese; kana is always Japanese.
//   - Latin sentences go to the language that their function words and
//     trigrams show (latin.h); one where that is undecided goes to the language
//     that those of the text show. In a text where that is undecided too, such
//     words are of no language: other words for a target with another script,
//     and not counted for one with Latin script.
// Linear in the text.
WordShare CountWords(absl::string_view text, int target);

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LANGUAGE_H_
