#include "reward/math/currency.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reward/math/symbols.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

// " 5", "$5", "\\$ 5".
bool StartsAmount(absl::string_view text, bool needs_sign) {
  text = absl::StripLeadingAsciiWhitespace(text);
  absl::ConsumePrefix(&text, "\\");
  if (!absl::ConsumePrefix(&text, "$") && needs_sign) return false;
  text = absl::StripLeadingAsciiWhitespace(text);
  return !text.empty() && absl::ascii_isdigit(text[0]);
}

}  // namespace

std::string CurrencyOfWord(absl::string_view word) {
  static const auto* currencies =
      new absl::flat_hash_set<absl::string_view>(absl::StrSplit(
          "dollar euro sterling yen yuan rupee won ruble lira naira peso dong "
          "baht hryvnia shekel real franc zloty krona koruna forint taka cedi "
          "rupiah ringgit rand",
          ' '));
  std::string unit = CanonicalUnit(word);
  return currencies->contains(unit) ? unit : "";
}

std::optional<AmountSign> FindAmountSign(absl::string_view text,
                                         bool dollars_delimit) {
  size_t end = 0;
  while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
  const absl::string_view word = text.substr(0, end);
  absl::string_view after = text.substr(end);
  std::string currency = word.size() > 1 ? CurrencyOfWord(word) : "";
  if (!currency.empty() && (absl::ascii_isupper(word[0]) || word == "kr")) {
    if (word == "Rs" || word == "kr") absl::ConsumePrefix(&after, ".");
    if (!StartsAmount(after, /*needs_sign=*/false)) return std::nullopt;
    return AmountSign{std::move(currency), text.size() - after.size()};
  }
  // A $5$ is a letter and a formula.
  if (!absl::StartsWith(after, "\\$") && word != "US" &&
      (dollars_delimit || !absl::StartsWith(after, "$"))) {
    return std::nullopt;
  }
  if (!StartsAmount(after, /*needs_sign=*/true)) return std::nullopt;
  for (const absl::string_view country :
       {"US", "A", "AU", "C", "CA", "NZ", "HK", "S", "SG", "NT", "MX"}) {
    if (word == country) return AmountSign{"", end};
  }
  if (word != "R") return std::nullopt;
  return AmountSign{"real", text.find('$', end) + 1};  // no dollar
}

std::optional<std::string> CurrencyOfGroup(absl::string_view inside,
                                           absl::string_view after) {
  absl::string_view word = absl::StripAsciiWhitespace(inside);
  if (word == "\\$") return "$";
  absl::ConsumeSuffix(&word, ".");
  std::string currency;
  if (absl::ConsumePrefix(&word, "\\")) {
    currency = CurrencyOfWord(FindCommand(word).text);
  } else if (StartsAmount(after, /*needs_sign=*/false)) {
    currency = CurrencyOfWord(word);
  }
  if (currency.empty()) return std::nullopt;
  return currency;
}

}  // namespace r1::math
