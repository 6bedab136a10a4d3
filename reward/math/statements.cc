#include "reward/math/statements.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reward/math/parse.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

constexpr size_t kMaxStatementBytes = 2048;
constexpr size_t kMaxWords = 4;  // of a name

// Letters, spaces, hyphens and digits after the first letter.
bool IsWords(absl::string_view text) {
  return !text.empty() && absl::ascii_isalpha(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == ' ' || c == '-';
         });
}

// "(1) ", "1. ", "- ", "* " at the start of a line.
absl::string_view WithoutBullet(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  absl::string_view rest = line;
  absl::ConsumePrefix(&rest, "(");
  const size_t num_digits =
      std::min(rest.find_first_not_of("0123456789"), rest.size());
  if (num_digits > 0 && num_digits < 3) {
    rest.remove_prefix(num_digits);
    if (absl::ConsumePrefix(&rest, ")") || absl::ConsumePrefix(&rest, ".")) {
      return absl::StripAsciiWhitespace(rest);
    }
  }
  if (absl::ConsumePrefix(&line, "- ") || absl::ConsumePrefix(&line, "* ")) {
    return absl::StripAsciiWhitespace(line);
  }
  return line;
}

// "knights" of several is what each is.
std::string Singular(std::string word) {
  if (word.size() > 3 && word.back() == 's') word.pop_back();
  return word;
}

std::optional<int> Month(absl::string_view word) {
  static constexpr std::array<absl::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  const std::string lower = absl::AsciiStrToLower(word);
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (lower == kMonths[i] || lower == kMonths[i].substr(0, 3) ||
        (lower == "sept" && i == 8)) {
      return static_cast<int>(i + 1);
    }
  }
  return std::nullopt;
}

bool IsNumber(absl::string_view word, size_t min_digits, size_t max_digits) {
  return word.size() >= min_digits && word.size() <= max_digits &&
         std::all_of(word.begin(), word.end(), absl::ascii_isdigit);
}

}  // namespace

std::optional<std::map<std::string, std::string>> FindStatements(
    absl::string_view source) {
  if (source.size() > kMaxStatementBytes) return std::nullopt;
  const std::string plain = absl::StrReplaceAll(source, {{"\\text", ""},
                                                         {"{", ""},
                                                         {"}", ""},
                                                         {"$", ""},
                                                         {"**", ""},
                                                         {";", ","},
                                                         {"\n", ","},
                                                         {"\\\\", ","},
                                                         {". ", ","},
                                                         {" and ", ","}});
  std::map<std::string, std::string> statements;
  std::vector<std::string> names;  // that wait for what they are
  for (absl::string_view part :
       absl::StrSplit(plain, ',', absl::SkipWhitespace())) {
    part = WithoutBullet(part);
    absl::ConsumeSuffix(&part, ".");
    absl::ConsumePrefix(&part, "and ");
    absl::string_view name = part, value;
    bool is_plural = false;
    for (const absl::string_view mark :
         {" are ", " is ", ": ", " = ", " -> "}) {
      const size_t at = part.find(mark);
      if (at == absl::string_view::npos) continue;
      name = absl::StripAsciiWhitespace(part.substr(0, at));
      value = absl::StripAsciiWhitespace(part.substr(at + mark.size()));
      is_plural = mark == " are ";
      break;
    }
    const std::vector<absl::string_view> words = absl::StrSplit(name, ' ');
    if (!IsWords(name) || words.size() > kMaxWords) return std::nullopt;
    names.push_back(TextForm(name));
    if (value.empty()) continue;
    if (!IsWords(value) || (names.size() > 1 && !is_plural)) {
      return std::nullopt;
    }
    std::string what = TextForm(value);
    if (is_plural) what = Singular(what);
    for (const std::string& each : names) {
      if (!statements.emplace(each, what).second) return std::nullopt;
    }
    names.clear();
  }
  if (!names.empty() || statements.size() < 2) return std::nullopt;
  return statements;
}

std::optional<std::string> FindDate(absl::string_view source) {
  if (source.size() > 80) return std::nullopt;
  std::vector<std::string> words =
      absl::StrSplit(TextForm(source), ' ', absl::SkipEmpty());
  for (std::string& word : words) {  // 5th
    for (const absl::string_view ordinal : {"st", "nd", "rd", "th"}) {
      if (absl::ascii_isdigit(word[0]) && absl::EndsWith(word, ordinal)) {
        word.resize(word.size() - 2);
      }
    }
  }
  if (words.size() == 1) {
    const std::vector<std::string> dashed = absl::StrSplit(words[0], '-');
    if (dashed.size() == 3 && IsNumber(dashed[0], 4, 4) &&
        IsNumber(dashed[1], 2, 2) && IsNumber(dashed[2], 2, 2)) {
      return absl::StrCat(dashed[0], "-", dashed[1], "-", dashed[2]);
    }
    const std::vector<std::string> slashed = absl::StrSplit(words[0], '/');
    if (slashed.size() == 3 && IsNumber(slashed[0], 1, 2) &&
        IsNumber(slashed[1], 1, 2) && IsNumber(slashed[2], 4, 4)) {
      int first = 0, second = 0;
      if (!absl::SimpleAtoi(slashed[0], &first) ||
          !absl::SimpleAtoi(slashed[1], &second)) {
        return std::nullopt;
      }
      return absl::StrCat(first, "/", second, "/", slashed[2]);
    }
    return std::nullopt;
  }
  if (words.size() < 2 || words.size() > 3) return std::nullopt;
  const size_t month_at = Month(words[0]).has_value() ? 0 : 1;
  const auto month = Month(words[month_at]);
  const std::string& day = words[1 - month_at];
  if (!month.has_value() || !IsNumber(day, 1, 2)) return std::nullopt;
  if (words.size() == 3 && !IsNumber(words[2], 4, 4)) return std::nullopt;
  const auto padded = [](absl::string_view digits) {
    return absl::StrCat(digits.size() < 2 ? "0" : "", digits);
  };
  return absl::StrCat(words.size() == 3 ? words[2] : "0000", "-",
                      padded(absl::StrCat(*month)), "-", padded(day));
}

}  // namespace r1::math
