#include "reward/code/compare.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace r1 {
namespace {

using Pieces = std::vector<absl::string_view>;

constexpr std::pair<absl::string_view, CompareRule> kNames[] = {
    {"tokens", CompareRule::kTokens},
    {"exact", CompareRule::kExact},
    {"lines", CompareRule::kLines},
    {"floats", CompareRule::kFloats},
    {"case_insensitive", CompareRule::kCaseInsensitive},
    {"unordered_lines", CompareRule::kUnorderedLines},
    {"unordered_tokens", CompareRule::kUnorderedTokens},
};

Pieces Tokens(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \t\r\n\v\f"),
                        absl::SkipEmpty());
}

Pieces Lines(absl::string_view text) {
  Pieces lines = absl::StrSplit(text, '\n');
  for (absl::string_view& line : lines) {
    line = absl::StripTrailingAsciiWhitespace(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool EqualUnordered(Pieces a, Pieces b) {
  if (a.size() != b.size()) return false;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

// An integer without '+', without leading zeros; "0" for all zeros.
std::optional<std::string> Integer(absl::string_view token) {
  std::string sign;
  if (!token.empty() && (token[0] == '-' || token[0] == '+')) {
    if (token[0] == '-') sign = "-";
    token.remove_prefix(1);
  }
  if (token.empty() ||
      !std::all_of(token.begin(), token.end(), absl::ascii_isdigit)) {
    return std::nullopt;
  }
  while (token.size() > 1 && token[0] == '0') token.remove_prefix(1);
  if (token == "0") sign.clear();
  return absl::StrCat(sign, token);
}

// Finite decimal numbers only: no "inf", no "nan", no hexadecimal.
std::optional<double> Decimal(absl::string_view token) {
  if (!token.empty() && token[0] == '+') token.remove_prefix(1);
  double value = 0;
  const char* end = token.data() + token.size();
  const auto result = std::from_chars(token.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

bool EqualNumbers(absl::string_view expected, absl::string_view got,
                  double tolerance) {
  if (expected == got) return true;
  // Two integers are compared exactly, whatever their size.
  const auto whole = Integer(expected), got_whole = Integer(got);
  if (whole.has_value() && got_whole.has_value()) return whole == got_whole;
  const auto a = Decimal(expected), b = Decimal(got);
  if (!a.has_value() || !b.has_value()) return false;
  return std::abs(*a - *b) <= tolerance * std::max(1.0, std::abs(*a));
}

template <typename Equal>
bool EqualTokens(absl::string_view a, absl::string_view b, Equal equal) {
  const Pieces left = Tokens(a), right = Tokens(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    equal);
}

}  // namespace

absl::StatusOr<CompareRule> ParseCompareRule(absl::string_view name) {
  for (const auto& [known, rule] : kNames) {
    if (name == known) return rule;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name,
      "\" is no comparison: expected tokens, exact, lines, floats, "
      "case_insensitive, unordered_lines or unordered_tokens"));
}

bool OutputMatches(absl::string_view expected, absl::string_view got,
                   CompareRule rule, double tolerance) {
  switch (rule) {
    case CompareRule::kExact:
      return expected == got;
    case CompareRule::kTokens:
      return Tokens(expected) == Tokens(got);
    case CompareRule::kLines:
      return Lines(expected) == Lines(got);
    case CompareRule::kFloats:
      return EqualTokens(expected, got, [tolerance](auto a, auto b) {
        return EqualNumbers(a, b, tolerance);
      });
    case CompareRule::kCaseInsensitive:
      return EqualTokens(expected, got, [](auto a, auto b) {
        return absl::EqualsIgnoreCase(a, b);
      });
    case CompareRule::kUnorderedLines:
      return EqualUnordered(Lines(expected), Lines(got));
    case CompareRule::kUnorderedTokens:
      return EqualUnordered(Tokens(expected), Tokens(got));
  }
  return false;
}

}  // namespace r1
