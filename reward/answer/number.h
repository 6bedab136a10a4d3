// Numbers in text, compared exactly: no floating point.
#ifndef R1_REWARD_ANSWER_NUMBER_H_
#define R1_REWARD_ANSWER_NUMBER_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// A canonical form of the number that the whole of `text` is, so that two
// texts are the same number if their forms are equal; nothing if it is none.
//   number   = [sign] decimal [exponent | "/" decimal]  spaces around "/"
//   decimal  = digits [ "." [digits] ] | "." digits
//   digits   = plain, or in groups of three: 1,234,567
//   exponent = ("e" | "E") ["+" | "-"] digits, of at most 1000
//   sign     = "+" | "-" | U+2212
// The parts of a fraction are integers of at most 18 digits, the lower one not
// zero. Decimals of any length are exact; one of more than 18 digits never
// equals a fraction. Linear time.
std::optional<std::string> CanonicalNumber(absl::string_view text);

// The last number in a text, as CanonicalNumber reads it, without spaces in
// it; empty if there is none. A "-" after a digit, a letter or ")" is no sign.
absl::string_view LastNumber(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_ANSWER_NUMBER_H_
