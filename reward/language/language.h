// Languages, and which one a stretch of prose is written in.
#ifndef R1_REWARD_LANGUAGE_LANGUAGE_H_
#define R1_REWARD_LANGUAGE_LANGUAGE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reward/language/script.h"

namespace r1 {

struct Language {
  absl::string_view code;  // ISO 639-1
  Script script;
  // Its letters are between these; others of its script are other languages'.
  int32_t first_letter = 0;
  int32_t last_letter = 0x10FFFF;
};

// All that can be a target.
absl::Span<const Language> Languages();

// How many words of a text are in a language.
struct WordShare {
  int64_t target = 0;
  int64_t all = 0;
};

// Counts the words of `text` (words.h) that are in languages[target].
//   - A script of its own is its language: Hangul is Korean, Cyrillic Russian.
//     A sentence of which a sixth of the words have letters that the language
//     does not have is in another one: Ukrainian, Persian.
//   - Han and kana, a word each, are Japanese in a sentence with kana among
//     them (a tenth or more), else Han is Chinese; kana is always Japanese.
//   - Latin sentences go to the language that explains their words best
//     (latin.h). One that several explain as well goes to those of them that
//     explain the whole text as well, and one that none explains goes to those.
//     Where none explains the text either, such words are of no language: other
//     words for a target with another script, and not counted for one with
//     Latin script.
// Linear in the text.
WordShare CountWords(absl::string_view text, int target);

// Whether all words of `text` are in one language, whichever; nothing if it has
// no word.
std::optional<bool> IsInOneLanguage(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LANGUAGE_H_
