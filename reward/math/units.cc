#include "reward/math/units.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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
          "dollar dollars usd aud cad sgd",
          "cent cents",
          "euro euros eur",
          "sterling gbp",
          "yen jpy",
          "yuan rmb cny",
          "rupee rupees rs inr pkr",
          "taka bdt",
          "cedi ghs",
          "rupiah idr Rp",
          "ringgit myr RM",
          "rand zar",
          "won krw",
          "ruble rubles rouble roubles rub",
          "lira liras TRY",
          "naira ngn",
          "peso pesos php mxn",
          "dong vnd",
          "baht thb",
          "hryvnia uah",
          "shekel shekels ils nis",
          "real reais brl",
          "franc francs chf",
          "zloty zlotys pln zl",
          "krona kronor krone kroner kr sek nok dkk",
          "koruna korunas czk",
          "forint forints huf Ft",
          "degree degrees deg",
          "radian radians rad",
          "percent percentage pct %",
          "acre acres",
          "hectare hectares ha",
          "mph",
          "kph kmh",
          "N newton newtons",
          "kN kilonewton kilonewtons",
          "mN millinewton millinewtons",
          "J joule joules",
          "kJ kilojoule kilojoules",
          "MJ megajoule megajoules",
          "cal calorie calories",
          "kcal kilocalorie kilocalories",
          "W watt watts",
          "kW kilowatt kilowatts",
          "MW megawatt megawatts",
          "mW milliwatt milliwatts",
          "kWh",
          "V volt volts",
          "kV kilovolt kilovolts",
          "mV millivolt millivolts",
          "A ampere amperes amp amps",
          "mA milliampere milliamperes",
          "uA microampere microamperes",
          "ohm ohms Omega",
          "C coulomb coulombs",
          "F farad farads",
          "uF microfarad microfarads",
          "nF nanofarad nanofarads",
          "pF picofarad picofarads",
          "T tesla teslas",
          "mT millitesla milliteslas",
          "K kelvin kelvins",
          "celsius",
          "fahrenheit",
          "Hz hertz",
          "kHz kilohertz",
          "MHz megahertz",
          "GHz gigahertz",
          "Pa pascal pascals",
          "kPa kilopascal kilopascals",
          "MPa megapascal megapascals",
          "GPa gigapascal gigapascals",
          "atm atmosphere atmospheres",
          "torr",
          "mmHg",
          "mol mole moles",
          "mmol millimole millimoles",
          "M molar",
          "nm nanometer nanometers nanometre nanometres",
          "um micrometer micrometers micrometre micrometres micron microns",
          "ms millisecond milliseconds",
          "ns nanosecond nanoseconds",
          "eV",
          "keV",
          "MeV",
          "GeV",
          "dB decibel decibels",
          "rpm",
          "ppm",
          "am",
          "pm",
          "bit bits",
          "byte bytes"}) {
      const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
      for (const absl::string_view word : words) (*map)[word] = words[0];
    }
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
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '/' || c == '^' || c == '(' || c == ')') {
      absl::StrAppend(&spaced, " ", std::string(1, c), " ");
    } else if (absl::ascii_isalnum(c) || c == '%' ||
               (c == '-' && i > 0 && absl::StrContains("^{", text[i - 1]))) {
      spaced.push_back(c);
    } else if (c != '.') {
      spaced.push_back(' ');
    }
  }
  return absl::StrSplit(spaced, ' ', absl::SkipEmpty());
}

}  // namespace

std::string CanonicalUnit(absl::string_view unit) {
  std::map<std::string, int> powers;  // of each unit
  int power = 1;                      // of the next one: square metres
  bool is_per = false;
  bool is_per_group = false;  // J/(kg K)
  std::string last;
  const auto add = [&](absl::string_view known, int exponent) {
    last = std::string(known);
    const bool is_below = is_per || is_per_group;
    powers[last] += is_below ? -exponent : exponent;
    power = 1;
    is_per = false;
    return is_below ? -1 : 1;
  };
  int sign = 1;  // of the last unit's power
  const std::vector<std::string> words = Words(unit);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = absl::AsciiStrToLower(words[i]);
    const std::string next =
        i + 1 < words.size() ? absl::AsciiStrToLower(words[i + 1]) : "";
    int exponent = 0;
    if (word == "square" || word == "sq") {
      power = 2;
    } else if (word == "cubic" || word == "cu") {
      power = 3;
    } else if (word == "per" && next == "cent") {
      add("percent", 1);
      ++i;
    } else if (word == "per" || word == "/") {
      is_per = true;
    } else if (word == "(" && is_per) {
      is_per_group = true;
    } else if (word == "(" || word == ")") {
      is_per_group = false;
    } else if (word == "^" && !last.empty() &&
               absl::SimpleAtoi(next, &exponent) && std::abs(exponent) < 10) {
      powers[last] += sign * (exponent - 1);
      ++i;
    } else if (word == "squared" && !last.empty()) {
      powers[last] += sign;
    } else if (word == "cubed" && !last.empty()) {
      powers[last] += 2 * sign;
    } else if ((word == "degree" || word == "degrees") &&
               (next == "celsius" || next == "fahrenheit" || next == "c" ||
                next == "f")) {
      sign = add(next[0] == 'c' ? "celsius" : "fahrenheit", power);
      ++i;
    } else if (word == "mph" || word == "kph" || word == "kmh") {
      ++powers[word == "mph" ? "mile" : "km"];
      --powers["hour"];
    } else {
      const absl::string_view known = UnitOfWord(words[i]);
      if (known.empty()) return "";
      sign = add(known, power);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [name, exponent] : powers) {
    if (exponent == 0) continue;
    parts.push_back(exponent == 1 ? name : absl::StrCat(name, "^", exponent));
  }
  return absl::StrJoin(parts, " ");
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

bool IsUnitWord(absl::string_view word) {
  return word.size() >= 2 && word != "am" && Units().contains(word);
}

std::optional<int64_t> ScaleWord(absl::string_view word) {
  const std::string lower = absl::AsciiStrToLower(word);
  if (lower == "dozen") return 12;
  if (lower == "lakh") return 100000;
  if (lower == "crore") return 10000000;
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

std::optional<mpq_class> NumberInWords(absl::string_view text) {
  static constexpr std::pair<absl::string_view, int> kTens[] = {
      {"twenty", 20}, {"thirty", 30},  {"forty", 40},  {"fifty", 50},
      {"sixty", 60},  {"seventy", 70}, {"eighty", 80}, {"ninety", 90}};
  static constexpr std::pair<absl::string_view, int> kParts[] = {
      {"half", 2},  {"third", 3}, {"quarter", 4}, {"fourth", 4},
      {"fifth", 5}, {"sixth", 6}, {"seventh", 7}, {"eighth", 8},
      {"ninth", 9}, {"tenth", 10}};
  const std::string lower = absl::AsciiStrToLower(text);
  std::vector<absl::string_view> words =
      absl::StrSplit(lower, absl::ByAnyChar(" -"), absl::SkipEmpty());
  if (words.empty() || words.size() > 8) return std::nullopt;
  if (words[0] == "negative" || words[0] == "minus") {
    const auto positive =
        NumberInWords(absl::StrJoin(words.begin() + 1, words.end(), " "));
    if (!positive.has_value() || *positive < 0) return std::nullopt;
    return -*positive;
  }
  int denominator = 1;
  absl::string_view last = words.back();
  for (const auto& [name, parts] : kParts) {
    absl::string_view rest = last;
    if (absl::ConsumePrefix(&rest, name) && (rest.empty() || rest == "s")) {
      denominator = parts;
    }
  }
  if (last == "halves") denominator = 2;
  if (denominator > 1) {
    words.pop_back();
    if (words.size() > 1) return std::nullopt;
    if (words.empty()) {  // but "third" is a place
      if (last != "half") return std::nullopt;
      return mpq_class(1, 2);
    }
  }
  mpz_class total = 0;
  long group = 0;       // below the next thousand or million
  bool is_open = true;  // whether a word below 100 may follow
  for (const absl::string_view word : words) {
    const auto scale = ScaleWord(word);
    const auto* tens =
        std::find_if(std::begin(kTens), std::end(kTens),
                     [word](const auto& entry) { return entry.first == word; });
    if (word == "and") continue;
    if (scale.has_value() && word != "dozen" && group > 0) {
      if (*scale == 100) {
        if (group > 99) return std::nullopt;
        group *= 100;
      } else {
        total += mpz_class(group) * static_cast<long>(*scale);
        group = 0;
      }
      is_open = true;
    } else if (tens != std::end(kTens) && is_open) {
      group += tens->second;
      is_open = false;
    } else if (const auto unit = NumberWord(word);
               unit.has_value() && (is_open || (*unit < 10 && group % 10 == 0 &&
                                                group % 100 > 0))) {
      group += *unit;
      is_open = false;
    } else {
      return std::nullopt;
    }
  }
  if (words.size() == 1 && words[0] == "and") return std::nullopt;
  mpq_class value(total + group, denominator);
  value.canonicalize();
  return value;
}

}  // namespace r1::math
