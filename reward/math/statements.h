// Answers in words that say who is what, and dates.
#ifndef R1_REWARD_MATH_STATEMENTS_H_
#define R1_REWARD_MATH_STATEMENTS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// What each name is: {"alice": "knight", "bob": "knave"} for "Alice is a knight
// and Bob is a knave.", "Alice: knight, Bob: knave", "(1) Alice = knight ...",
// "Alice and Bob are knights". Nothing for other texts, for fewer than two
// names, and where what they are is a number.
std::optional<std::map<std::string, std::string>> FindStatements(
    absl::string_view text);

// A day as year-month-day for "2024-12-25", "December 25, 2024" and "25 Dec
// 2024" (month 12, day 25; year 0 where there is none), and as written for
// "12/25/2024", whose order is not known. Nothing for other texts.
std::optional<std::string> FindDate(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_STATEMENTS_H_
