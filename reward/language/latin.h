// Which languages with Latin script some words may be in: these share their
// letters, so what tells is frequent words, sequences of letters, and accents.
#ifndef R1_REWARD_LANGUAGE_LATIN_H_
#define R1_REWARD_LANGUAGE_LATIN_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "reward/language/words.h"

namespace r1 {

inline constexpr size_t kNumLatinLanguages = 7;

// Bit i is language i of LatinWordTables().
using LatinSet = uint8_t;
static_assert(kNumLatinLanguages <= 8);

// The set of that language alone; empty for one that is none of them.
LatinSet LatinSetOf(absl::string_view code);

// What the words of a sentence or a text say: the logarithm, in thousandths, of
// how much more probable each language makes them than letters at random do.
// A language is a list of words (latin_words.h), and for others the sequences
// of letters of that list.
class LatinEvidence {
 public:
  // `word`: as VisitWords gives it. Linear in it.
  void AddWord(const Word& word);
  void Add(const LatinEvidence& other);

  // The language that explains the words best, and those that do so nearly as
  // well: "8 plus 3 is 11" is English and Dutch. Empty where none does: other
  // languages, names, and strings of letters.
  LatinSet Plausible() const;

 private:
  std::array<int64_t, kNumLatinLanguages> gains_ = {};
  int64_t num_letters_ = 0;  // and one for each word's end
};

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LATIN_H_
