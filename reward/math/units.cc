#include "reward/math/units.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace r1::math {
namespace {

using WordMap = absl::flat_hash_map<absl::string_view, absl::string_view>;

const WordMap& Units() {
  static const auto* units = [] {
    auto* map = new WordMap;
    // The canonical spelling first.
    for (const absl::string_view line :
         {"mm millimeter millimeters millimetre millimetres",
          "cm cms centimeter centimeters centimetre centimetres",
          "m meter meters metre metres",
          "dm decimeter decimeters",
          "km kms kilometer kilometers kilometre kilometres kilo",
          "inch inches in",
          "foot feet ft",
          "yard yards yd yds",
          "mile miles mi",
          "g gram grams gm",
          "kg kgs kilogram kilograms",
          "mg milligram milligrams",
          "pound pounds lb lbs",
          "ounce ounces oz",
          "ton tons tonne tonnes",
          "liter liters litre litres l L",
          "ml milliliter milliliters mL",
          "gallon gallons gal",
          "second seconds sec secs s",
          "minute minutes min mins",
          "hour hours hr hrs h",
          "day days",
          "week weeks",
          "month months",
          "year years yr yrs",
          "dollar dollars usd",
          "cent cents",
          "euro euros eur",
          "sterling gbp",
          "yen jpy",
          "yuan rmb cny",
          "rupee rupees rs",
          "degree degrees deg",
          "radian radians rad",
          "percent percentage pct %",
          "acre acres",
          "hectare hectares ha",
          "mph",
          "kph kmh",
          "N newton newtons",
          "J joule joules",
          "W watt watts",
          "V volt volts",
          "A ampere amperes amp amps",
          "K kelvin",
          "Hz hertz",
          "Pa pascal pascals",
          "mol mole moles",
          "kJ kilojoule kilojoules",
          "eV",
          "am",
          "pm",
          "bit bits",
          "byte bytes"}) {
      const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
      for (const absl::string_view word : words) (*map)[word] = words[0];
    }
    (*map)["mph"] = "mile/hour";
    (*map)["kph"] = "km/hour";
    (*map)["kmh"] = "km/hour";
    return map;
  }();
  return *units;
}

// The unit of one word, in its own case or in lower case; empty: none.
absl::string_view UnitOfWord(absl::string_view word) {
  auto it = Units().find(word);
  if (it != Units().end()) return it->second;
  if (word.size() < 2) return "";
  it = Units().find(absl::AsciiStrToLower(word));
  return it == Units().end() ? "" : it->second;
}

std::vector<std::string> Words(absl::string_view text) {
  std::string spaced;
  for (const char c : text) {
    if (c == '/' || c == '^') {
      absl::StrAppend(&spaced, " ", std::string(1, c), " ");
    } else if (absl::ascii_isalnum(c) || c == '%') {
      spaced.push_back(c);
    } else if (c != '.') {
      spaced.push_back(' ');
    }
  }
  return absl::StrSplit(spaced, ' ', absl::SkipEmpty());
}

}  // namespace

std::string CanonicalUnit(absl::string_view unit) {
  std::string canonical;
  int power = 1;
  bool is_per = false;
  const std::vector<std::string> words = Words(unit);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = absl::AsciiStrToLower(words[i]);
    if (word == "square" || word == "sq") {
      power = 2;
    } else if (word == "cubic" || word == "cu") {
      power = 3;
    } else if (word == "per" || word == "/") {
      is_per = true;
    } else if (word == "^" && i + 1 < words.size() && !canonical.empty()) {
      absl::StrAppend(&canonical, "^", words[++i]);
    } else if (word == "squared" && !canonical.empty()) {
      absl::StrAppend(&canonical, "^2");
    } else if (word == "cubed" && !canonical.empty()) {
      absl::StrAppend(&canonical, "^3");
    } else {
      const absl::string_view known = UnitOfWord(words[i]);
      if (known.empty()) return "";
      if (!canonical.empty()) canonical += is_per ? "/" : " ";
      absl::StrAppend(&canonical, known);
      if (power > 1) absl::StrAppend(&canonical, "^", power);
      power = 1;
      is_per = false;
    }
  }
  return canonical;
}

bool ChangesNumber(absl::string_view word) {
  static const auto* words = new absl::flat_hash_set<
      absl::string_view>(absl::StrSplit(
      "not isn never cannot no nor neither none either maybe perhaps might "
      "wrong incorrect or if but else except unless than between from most "
      "least more less fewer greater below above under around about almost "
      "nearly exceed negative minus plus times over divided mod modulo "
      "squared cubed factorial base root sqrt pi choose point half halves "
      "third thirds quarter quarters fourths fifths tenth tenths hundredths "
      "thousandths twice dozen hundred thousand million billion trillion",
      ' '));
  return words->contains(absl::AsciiStrToLower(word));
}

bool CanBeUnit(absl::string_view words) {
  static const auto* verbs = new absl::flat_hash_set<absl::string_view>(
      {"is", "are", "was", "be", "and", "then", "with", "to", "at", "it",
       "this", "answer", "correct", "right"});
  const std::vector<std::string> parts = Words(words);
  if (parts.empty() || parts.size() > 5) return false;
  if (!CanonicalUnit(words).empty()) return true;
  return std::none_of(parts.begin(), parts.end(), [&](const auto& word) {
    // "14 right triangles" are counted, "14 right" is a verdict.
    const bool is_adjective = word == "right" && &word != &parts.back();
    return ChangesNumber(word) ||
           (verbs->contains(absl::AsciiStrToLower(word)) && !is_adjective);
  });
}

bool IsUnitWord(absl::string_view word) {
  return word.size() >= 2 && word != "am" && Units().contains(word);
}

std::optional<int64_t> ScaleWord(absl::string_view word) {
  const std::string lower = absl::AsciiStrToLower(word);
  if (lower == "dozen") return 12;
  if (lower == "hundred") return 100;
  if (lower == "thousand") return 1000;
  if (lower == "million") return 1000000;
  if (lower == "billion") return 1000000000;
  if (lower == "trillion") return 1000000000000;
  return std::nullopt;
}

std::optional<int> NumberWord(absl::string_view word) {
  static constexpr absl::string_view kNames[] = {
      "zero",     "one",      "two",      "three",   "four",    "five",
      "six",      "seven",    "eight",    "nine",    "ten",     "eleven",
      "twelve",   "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
      "eighteen", "nineteen", "twenty"};
  const std::string lower = absl::AsciiStrToLower(word);
  const auto it = std::find(std::begin(kNames), std::end(kNames), lower);
  if (it == std::end(kNames)) return std::nullopt;
  return static_cast<int>(it - std::begin(kNames));
}

}  // namespace r1::math
