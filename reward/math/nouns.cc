#include "reward/math/nouns.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "reward/math/parse.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

using WordSet = absl::flat_hash_set<absl::string_view>;

constexpr size_t kMaxNounWords = 6;

// From `words`, which are separated by blanks and live as long as the program.
const WordSet* MakeSet(absl::string_view words) {
  return new WordSet(absl::StrSplit(words, ' '));
}

// In lower case, letters only; empty where there is anything else, as digits.
std::vector<std::string> LowerWords(absl::string_view text) {
  std::vector<std::string> words;
  for (const absl::string_view part :
       absl::StrSplit(text, absl::ByAnyChar(" -,.:;()'"), absl::SkipEmpty())) {
    const auto is_letter = [](unsigned char c) {
      return absl::ascii_isalpha(c) || c >= 128;
    };
    if (!std::all_of(part.begin(), part.end(), is_letter)) return {};
    words.push_back(absl::AsciiStrToLower(part));
  }
  return words;
}

// "marbles" and "marble" are one noun.
std::string Singular(absl::string_view word) {
  if (word.size() > 4 && absl::EndsWith(word, "ies")) {
    return absl::StrCat(word.substr(0, word.size() - 3), "y");
  }
  for (const absl::string_view end : {"ches", "shes", "xes", "sses"}) {
    if (word.size() > 4 && absl::EndsWith(word, end)) {
      return std::string(word.substr(0, word.size() - 2));
    }
  }
  if (word.size() > 3 && absl::EndsWith(word, "s") &&
      !absl::EndsWith(word, "ss")) {
    return std::string(word.substr(0, word.size() - 1));
  }
  return std::string(word);
}

// Words that make another number of the one before them, judge it, or are
// verbs, and could be taken for a plural or an adjective.
bool SpoilsCount(absl::string_view word) {
  static const auto* words = MakeSet(
      "ten pair couple score gross lakh crore grand bn mn k m half sixth "
      "seventh eighth ninth eleventh twelfth twentieth hundredth thousandth "
      "millionth percentile inverse reciprocal opposite negative absolute "
      "modulus false true impossible possible unlikely likely invalid valid "
      "undefined incorrect correct wrong right doubled tripled halved negated "
      "reduced increased rounded is are was were be been does has have had do "
      "did work fail divide remain equal exceed give then thi plu minu les "
      "le alway sometime unles beside ye and with it answer this less plus "
      "minus always sometimes unless perhaps us its his as");
  const auto scale = ScaleWord(Singular(word));
  return words->contains(word) || words->contains(Singular(word)) ||
         NumberWord(Singular(word)).has_value() || scale.has_value() ||
         ChangesNumber(word) || ChangesNumber(Singular(word));
}

// Nouns that are counted or measured without a plural's s, and colours, which
// stand for things of that colour.
bool IsCountable(absl::string_view word) {
  static const auto* words = MakeSet(
      "people children men women sheep fish deer mice geese teeth cattle dice "
      "oxen cup tablespoon teaspoon tbsp tsp unit piece slice person man woman "
      "child apple orange box block mile page book coin candy money water milk "
      "flour sugar paint point mark dime nickel penny quarter ticket way red "
      "blue green white black yellow pink purple brown grey gray gold "
      "silver pts pcs");
  return words->contains(word);
}

bool IsPlural(absl::string_view word) {
  return word.size() >= 4 && word.back() == 's' &&
         !absl::EndsWith(word, "ss") && !absl::EndsWith(word, "us") &&
         !absl::EndsWith(word, "is") && LooksLikeWord(word);
}

// Words that begin what follows a noun: "marbles in total", "left", "per box".
bool StartsTail(absl::string_view word) {
  static const auto* words = MakeSet(
      "of per for in at on each left total altogether remaining old long wide "
      "high tall deep away apart ago later");
  return words->contains(word);
}

// What may follow a bare number: "5 each".
bool StandsAlone(absl::string_view word) {
  return word == "each" || word == "left" || word == "total" ||
         word == "altogether" || word == "remaining";
}

// Whether all words of one are among the other's.
bool HasWordsOf(absl::string_view a, absl::string_view b) {
  const WordSet mine = absl::StrSplit(a, ' ');
  const WordSet theirs = absl::StrSplit(b, ' ');
  const auto holds = [](const WordSet& all, const WordSet& some) {
    return std::all_of(some.begin(), some.end(),
                       [&](const auto& word) { return all.contains(word); });
  };
  return holds(mine, theirs) || holds(theirs, mine);
}

// Adjectives that say nothing of what is counted.
bool IsFiller(absl::string_view word) {
  static const auto* words =
      MakeSet("different distinct possible whole full such right the a an");
  return words->contains(word);
}

}  // namespace

std::string CountedNoun(absl::string_view text) {
  const std::vector<std::string> words = LowerWords(text);
  if (words.empty() || words.size() > kMaxNounWords) return "";
  const auto tail = std::find_if(words.begin(), words.end(), StartsTail);
  std::vector<std::string> noun;
  for (auto word = words.begin(); word != words.end(); ++word) {
    // "14 right triangles" are counted, "14 right" is a verdict.
    const bool is_last = word + 1 == tail || word + 1 == words.end();
    if (IsFiller(*word) && !is_last) continue;
    if (SpoilsCount(*word) && !IsCountable(*word)) return "";
    if (word < tail) noun.push_back(Singular(*word));
  }
  if (tail == words.begin()) {  // "5 each", "3/4 of the cake"
    return words.size() > 1 || StandsAlone(words[0]) ? "unit" : "";
  }
  const std::string& head = *(tail - 1);
  if (!IsCountable(head) && !IsPlural(head)) return "";
  return absl::StrJoin(noun, " ");
}

bool CanBeUnit(absl::string_view words) { return !UnitOrNoun(words).empty(); }

std::string UnitOrNoun(absl::string_view words) {
  const std::string unit = CanonicalUnit(words);
  if (absl::StartsWith(words, "unit") && absl::StrContains(words, "^")) {
    return "unit";  // units^2
  }
  return unit.empty() ? CountedNoun(words) : unit;
}

bool SameUnit(absl::string_view a, absl::string_view b) {
  const auto is_general = [](absl::string_view unit) {
    return absl::EndsWith(unit, "unit");
  };
  if (a == b || is_general(a) || is_general(b)) return true;
  // Pounds are money beside a pound sign.
  if (std::minmax(a, b) ==
      std::minmax<absl::string_view>("pound", "sterling")) {
    return true;
  }
  // m s and m are no nouns.
  return CanonicalUnit(a).empty() && CanonicalUnit(b).empty() &&
         HasWordsOf(a, b);
}

bool CanLabel(absl::string_view text) {
  static const auto* words = MakeSet(
      "not isn never cannot no nor neither none maybe perhaps might wrong "
      "incorrect false impossible unlikely except unless minus negative plus "
      "times divided opposite inverse reciprocal twice double half without "
      "excluding if but");
  for (const absl::string_view word : absl::StrSplit(
           text, absl::ByAnyChar(" -,.':$\\{}"), absl::SkipEmpty())) {
    if (words->contains(absl::AsciiStrToLower(word))) return false;
  }
  return true;
}

bool SameLabel(absl::string_view a, absl::string_view b) {
  if (TextForm(a) == TextForm(b)) return true;
  const auto form = [](absl::string_view label) {
    std::vector<std::string> words = LowerWords(label);
    for (std::string& word : words) word = Singular(word);
    return absl::StrJoin(words, " ");
  };
  const std::string mine = form(a);
  const std::string theirs = form(b);
  return !mine.empty() && !theirs.empty() && HasWordsOf(mine, theirs);
}

bool IsEmptyLabel(absl::string_view text) {
  static const auto* words = MakeSet(
      "the final answer answers result solution solutions value is so thus "
      "hence therefore total my");
  const std::vector<std::string> parts = LowerWords(text);
  return !parts.empty() &&
         std::all_of(parts.begin(), parts.end(),
                     [](const auto& word) { return words->contains(word); });
}

bool IsFunctionWord(absl::string_view word) {
  static const auto* words = MakeSet(
      "is are was be of the to for per from in on if it we no not so such all "
      "any each every where when with by than that this there has have");
  return words->contains(word);
}

bool IsProductOfLetters(absl::string_view word) {
  for (const absl::string_view family :
       {"abc", "xyz", "pqr", "mnk", "uvw", "rst"}) {
    if (std::all_of(word.begin(), word.end(),
                    [&](char c) { return absl::StrContains(family, c); })) {
      return true;
    }
  }
  return false;
}

bool IsShortWord(absl::string_view word) {
  return IsFunctionWord(absl::AsciiStrToLower(word)) || word == "sq" ||
         word == "cu" || word == "am" || word == "an" || word == "at" ||
         word == "as" || word == "vs" || word == "pts" || word == "pcs" ||
         word == "tbsp" || word == "tsp" || word == "nth" || word == "bpm";
}

bool LooksLikeWord(absl::string_view word) {
  return word.find_first_of("aeiouyAEIOUY") != absl::string_view::npos &&
         std::all_of(word.begin() + 1, word.end(), absl::ascii_islower);
}

}  // namespace r1::math
