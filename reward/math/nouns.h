// Words beside a number: what is counted, and what a value is called.
#ifndef R1_REWARD_MATH_NOUNS_H_
#define R1_REWARD_MATH_NOUNS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// What the words behind a number count, one form for all spellings: "red
// marble" for "red marbles in total". Empty: they count nothing ("halved",
// "sixths", "false"), so that they may not be left out.
// A plural, or a noun of a list; words that change a number are none.
std::string CountedNoun(absl::string_view words);

// Whether words behind a number may be a unit: a known one, or what is counted.
bool CanBeUnit(absl::string_view words);

// The unit or the noun of a quantity, for comparison; empty: neither.
std::string UnitOrNoun(absl::string_view words);

// Whether two of these say the same: equal, or the words of one are among the
// other's ("marble", "red marble"), or one is just "units".
bool SameUnit(absl::string_view a, absl::string_view b);

// Whether words may say what a value is, as in "Area: 5": not those that deny
// or change it ("not: 5").
bool CanLabel(absl::string_view words);

// Whether two labels are the same, or one says more: "boys", "number of boys".
bool SameLabel(absl::string_view a, absl::string_view b);

// Whether a label says nothing: "Answer: 5".
bool IsEmptyLabel(absl::string_view words);

// A function word, which stands in sentences and in no formula: "is", "of".
bool IsFunctionWord(absl::string_view word);

// Whether letters are written side by side as a product: "xyz", "abc", "xx".
bool IsProductOfLetters(absl::string_view word);

// Whether a word of prose is too short for the look of one, or without it.
bool IsShortWord(absl::string_view word);

// Whether letters can be a word of prose by their look: a vowel, and capitals
// at most at the start.
bool LooksLikeWord(absl::string_view word);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_NOUNS_H_
