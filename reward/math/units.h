// Units of measure, spelled in many ways.
#ifndef R1_REWARD_MATH_UNITS_H_
#define R1_REWARD_MATH_UNITS_H_

#include <gmpxx.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// One spelling for a unit of measure: "square centimetres" is "cm^2", "m/s^2"
// and "m s^-2" are "m second^-2", "mph" is "hour^-1 mile". Empty for what is no
// known unit of measure, such as "right triangles" or "units", which may be
// left out of an answer.
std::string CanonicalUnit(absl::string_view unit);

// Whether a number beside the word says something else than the number alone:
// "not 5", "5 halves", "at least 5".
bool ChangesNumber(absl::string_view word);

// Whether letters without a space before them name a unit: "cm", "kg".
bool IsUnitWord(absl::string_view word);

// 10^3 for "thousand", ...; nothing for other words.
std::optional<int64_t> ScaleWord(absl::string_view word);

// 7 for "seven", up to twenty.
std::optional<int> NumberWord(absl::string_view word);

// 21 for "twenty-one", 300 for "three hundred", 2/3 for "two-thirds".
std::optional<mpq_class> NumberInWords(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_UNITS_H_
