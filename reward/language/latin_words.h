// Words of the languages with Latin script, from which latin.h learns.
#ifndef R1_REWARD_LANGUAGE_LATIN_WORDS_H_
#define R1_REWARD_LANGUAGE_LATIN_WORDS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

struct LatinWords {
  absl::string_view code;     // ISO 639-1
  absl::string_view accents;  // the letters with accents that it has
  // Frequent words that any text has, and such of numbers, of reasoning and of
  // every day; in lower case, with spaces between them.
  absl::string_view function_words;
  absl::string_view words;
};

// One a language, by code. Source: written for this project.
absl::Span<const LatinWords> LatinWordTables();

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LATIN_WORDS_H_
