// Which language with Latin script some words are in: these share their
// letters, so what tells is frequent words and frequent sequences of letters.
#ifndef R1_REWARD_LANGUAGE_LATIN_H_
#define R1_REWARD_LANGUAGE_LATIN_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

inline constexpr size_t kNumLatinLanguages = 7;

// ISO 639-1, by position.
absl::Span<const absl::string_view> LatinLanguages();

// What the words of a sentence or a text say.
class LatinEvidence {
 public:
  // `word`: folded as VisitWords does, not empty. Linear in it.
  void AddWord(absl::string_view word);
  void Add(const LatinEvidence& other);

  // The position in LatinLanguages() of the language that the words are in; -1
  // where no language has enough evidence, or none clearly more than the rest:
  // other languages, names, and strings of letters.
  int Decide() const;

 private:
  std::array<int64_t, kNumLatinLanguages> points_ = {};
  int64_t num_trigrams_ = 0;
};

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_LATIN_H_
