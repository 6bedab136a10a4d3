#include "reward/language/latin.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/math.h"
#include "reward/language/latin_words.h"

namespace r1 {
namespace {

// The constants below were chosen on software's messages in these languages and
// in others; tests/reward/language_test.cc has what they make of sentences.

// Thousandths of a logarithm.
constexpr double kUnit = 1000;
// A letter at random; less probable than one in 27, as letters are in other
// languages, too.
constexpr double kRandomLetter = -2.9;
// How often a word is one of the list.
constexpr double kInList = 0.9;
// How often a function word occurs for another word of the list.
constexpr int kFunctionWord = 4;
// How many trigrams, bigrams of shorter ones count as much as what was counted.
constexpr double kBigramWeight = 64, kLetterWeight = 128;
// An accent that the language does not have.
constexpr int64_t kForeignAccent = 6000;
// What a language needs: so much for each letter, and to be one of several
// that are plausible, so much of what the best has, in percent.
constexpr int64_t kLeastEach = 100;
constexpr int64_t kPlausiblePercent = 90;

constexpr size_t kNumLetters = 28;  // the edge of a word, a to z, any other

size_t LetterIndex(char c) {
  if (c == '_') return 0;
  return c >= 'a' && c <= 'z' ? c - 'a' + 1 : kNumLetters - 1;
}

using Gains = std::array<int32_t, kNumLatinLanguages>;

// Calls visit(before, previous, letter) for each letter and the end of a word.
template <typename Visit>
void VisitTrigrams(absl::string_view letters, const Visit& visit) {
  size_t before = LetterIndex('_'), previous = before;
  for (size_t i = 0; i <= letters.size(); ++i) {
    const size_t letter = LetterIndex(i < letters.size() ? letters[i] : '_');
    visit(before, previous, letter);
    before = previous;
    previous = letter;
  }
}

// Calls visit(letter with accents) for each.
template <typename Visit>
void VisitAccented(absl::string_view accented, const Visit& visit) {
  size_t begin = 0;
  for (size_t at = 1; at <= accented.size(); ++at) {
    // Base letters are ASCII, but for ones that no language here has.
    const bool is_next = at == accented.size() || !(accented[at] & 0x80);
    if (!is_next) continue;
    visit(accented.substr(begin, at - begin));
    begin = at;
  }
}

// What is known of the languages.
class Model {
 public:
  static const Model& Get() {
    static const Model& model = *new Model;
    return model;
  }

  // Adds what a word says.
  void Add(const Word& word,
           std::array<int64_t, kNumLatinLanguages>* gains) const {
    std::array<int64_t, kNumLatinLanguages> sums = {};
    VisitTrigrams(word.letters, [&](size_t a, size_t b, size_t c) {
      const Gains& trigram = trigrams_[Index(a, b, c)];
      for (size_t i = 0; i < kNumLatinLanguages; ++i) sums[i] += trigram[i];
    });
    const auto in_list = words_.find(word.letters);
    LatinSet has_accents = ~LatinSet{0};
    VisitAccented(word.accented, [&](absl::string_view letter) {
      const auto it = accents_.find(letter);
      has_accents &= it == accents_.end() ? 0 : it->second;
    });
    for (size_t i = 0; i < kNumLatinLanguages; ++i) {
      int64_t gain = sums[i] + kOutOfList;
      if (in_list != words_.end()) {
        gain = std::max<int64_t>(gain, in_list->second[i]);
      }
      (*gains)[i] += gain - (has_accents >> i & 1 ? 0 : kForeignAccent);
    }
  }

 private:
  static const int64_t kOutOfList;

  static size_t Index(size_t a, size_t b, size_t c) {
    return (a * kNumLetters + b) * kNumLetters + c;
  }

  static int32_t Rounded(double gain) {
    return static_cast<int32_t>(std::lround(kUnit * gain));
  }

  Model() {
    for (size_t i = 0; i < kNumLatinLanguages; ++i) {
      const LatinWords& table = LatinWordTables()[i];
      VisitLetters(table.accents, [&](const Word& word) {
        VisitAccented(word.accented, [&](absl::string_view letter) {
          accents_[letter] |= 1 << i;
        });
      });
      absl::flat_hash_map<std::string, int> counts;
      VisitLetters(table.function_words, [&](const Word& word) {
        counts[word.letters] += kFunctionWord;
      });
      VisitLetters(table.words,
                   [&](const Word& word) { ++counts[word.letters]; });
      LearnWords(i, counts);
      LearnTrigrams(i, counts);
    }
  }

  template <typename Visit>
  static void VisitLetters(absl::string_view text, const Visit& visit) {
    VisitWords(text, {visit, [] {}});
  }

  void LearnWords(size_t language,
                  const absl::flat_hash_map<std::string, int>& counts) {
    double total = 0;
    for (const auto& [word, count] : counts) total += count;
    for (const auto& [word, count] : counts) {
      Gains none;
      none.fill(INT32_MIN);
      const double random = kRandomLetter * (word.size() + 1);
      words_.insert({word, none}).first->second[language] =
          Rounded(Log(kInList * count / total) - random);
    }
  }

  // Trigrams of words that are not in the list: each word counts once, a
  // function word twice. What was not seen goes by the bigram, then by chance.
  void LearnTrigrams(size_t language,
                     const absl::flat_hash_map<std::string, int>& counts) {
    std::vector<double> trigrams(trigrams_.size());
    std::vector<double> bigrams(kNumLetters * kNumLetters), pairs = bigrams;
    std::vector<double> letters(kNumLetters);
    for (const auto& [word, count] : counts) {
      const int times = count >= kFunctionWord ? 2 : 1;
      VisitTrigrams(word, [&](size_t a, size_t b, size_t c) {
        trigrams[Index(a, b, c)] += times;
        pairs[a * kNumLetters + b] += times;
        bigrams[b * kNumLetters + c] += times;
        letters[b] += times;
      });
    }
    for (size_t b = 0; b < kNumLetters; ++b) {
      for (size_t c = 0; c < kNumLetters; ++c) {
        const double bigram =
            (bigrams[b * kNumLetters + c] + kLetterWeight / kNumLetters) /
            (letters[b] + kLetterWeight);
        for (size_t a = 0; a < kNumLetters; ++a) {
          const double trigram =
              (trigrams[Index(a, b, c)] + kBigramWeight * bigram) /
              (pairs[a * kNumLetters + b] + kBigramWeight);
          trigrams_[Index(a, b, c)][language] =
              Rounded(Log(trigram) - kRandomLetter);
        }
      }
    }
  }

  absl::flat_hash_map<std::string, Gains> words_;
  std::vector<Gains> trigrams_ =
      std::vector<Gains>(kNumLetters * kNumLetters * kNumLetters);
  absl::flat_hash_map<std::string, LatinSet> accents_;
};

const int64_t Model::kOutOfList = Model::Rounded(Log(1 - kInList));

}  // namespace

LatinSet LatinSetOf(absl::string_view code) {
  for (size_t i = 0; i < kNumLatinLanguages; ++i) {
    if (LatinWordTables()[i].code == code) return 1 << i;
  }
  return 0;
}

void LatinEvidence::AddWord(const Word& word) {
  Model::Get().Add(word, &gains_);
  num_letters_ += word.letters.size() + 1;
}

void LatinEvidence::Add(const LatinEvidence& other) {
  for (size_t i = 0; i < kNumLatinLanguages; ++i) gains_[i] += other.gains_[i];
  num_letters_ += other.num_letters_;
}

LatinSet LatinEvidence::Plausible() const {
  const int64_t best = *std::max_element(gains_.begin(), gains_.end());
  if (best <= 0 || best < kLeastEach * num_letters_) return 0;
  LatinSet set = 0;
  for (size_t i = 0; i < kNumLatinLanguages; ++i) {
    const bool is_plausible = gains_[i] * 100 >= best * kPlausiblePercent;
    set |= static_cast<LatinSet>(is_plausible) << i;
  }
  return set;
}

}  // namespace r1
