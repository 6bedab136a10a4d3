#include "reward/math/source_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "reward/core/text.h"
#include "reward/math/chinese.h"
#include "reward/math/symbols.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

// \\frac where no rows are that "\\" could end: one backslash too many.
std::string SingleBeforeCommands(absl::string_view text) {
  if (absl::StrContains(text, "\\begin")) return std::string(text);
  std::string single;
  for (size_t i = 0; i < text.size(); ++i) {
    single.push_back(text[i]);
    if (!absl::StartsWith(text.substr(i), "\\\\")) continue;
    size_t end = i + 2;
    while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
    const absl::string_view name = text.substr(i + 2, end - i - 2);
    const bool is_command =
        name.size() > 1 && FindCommand(name).role != CommandRole::kUnknown;
    if (!is_command) single.push_back('\\');
    ++i;
  }
  return single;
}

// Backslashes that were doubled on their way through another language are
// single again: no LaTeX has \\frac and not one single backslash.
std::string SingleBackslashes(absl::string_view text) {
  std::string halved;
  bool has_command = false;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      halved.push_back(text[i++]);
      continue;
    }
    size_t end = i;
    while (end < text.size() && text[end] == '\\') ++end;
    if ((end - i) % 2 != 0) return SingleBeforeCommands(text);
    has_command |= end < text.size() && absl::ascii_isalpha(text[end]);
    halved.append((end - i) / 2, '\\');
    i = end;
  }
  return has_command ? halved : std::string(text);
}

// The digits, signs and letters that stand raised or lowered at the start of
// `text`: x² or a₁₂.
struct Script {
  size_t num_bytes = 0;
  char mark = '^';  // or '_'
  std::string symbols = {};
};
Script FindScript(absl::string_view text) {
  static constexpr std::pair<absl::string_view, absl::string_view> kTable[] = {
      {"\u2070", "^0"}, {"\u00b9", "^1"}, {"\u00b2", "^2"}, {"\u00b3", "^3"},
      {"\u2074", "^4"}, {"\u2075", "^5"}, {"\u2076", "^6"}, {"\u2077", "^7"},
      {"\u2078", "^8"}, {"\u2079", "^9"}, {"\u207a", "^+"}, {"\u207b", "^-"},
      {"\u207d", "^("}, {"\u207e", "^)"}, {"\u207f", "^n"}, {"\u2071", "^i"},
      {"\u02e3", "^x"}, {"\u1d40", "^T"}, {"\u2080", "_0"}, {"\u2081", "_1"},
      {"\u2082", "_2"}, {"\u2083", "_3"}, {"\u2084", "_4"}, {"\u2085", "_5"},
      {"\u2086", "_6"}, {"\u2087", "_7"}, {"\u2088", "_8"}, {"\u2089", "_9"},
      {"\u2099", "_n"}, {"\u2096", "_k"}, {"\u1d62", "_i"}, {"\u2093", "_x"},
  };
  Script script;
  while (true) {
    const absl::string_view rest = text.substr(script.num_bytes);
    const auto* it = std::find_if(
        std::begin(kTable), std::end(kTable),
        [rest](const auto& row) { return absl::StartsWith(rest, row.first); });
    if (it == std::end(kTable) ||
        (script.num_bytes > 0 && it->second[0] != script.mark)) {
      return script;
    }
    script.mark = it->second[0];
    script.symbols.push_back(it->second[1]);
    script.num_bytes += it->first.size();
  }
}

// Characters beyond ASCII as LaTeX.
absl::StatusOr<std::string> ToAscii(absl::string_view text) {
  std::string ascii;
  bool is_after_circled = false;
  while (!text.empty()) {
    if (static_cast<unsigned char>(text[0]) < 128) {
      ascii.push_back(text[0]);
      text.remove_prefix(1);
      continue;
    }
    const Script script = FindScript(text);
    if (script.num_bytes > 0) {
      // 20m^2 with a raised 2 is a unit.
      size_t begin = ascii.size();
      while (begin > 0 && absl::ascii_isalpha(ascii[begin - 1])) --begin;
      const std::string unit = ascii.substr(begin);
      if (script.mark == '^' && absl::EndsWith(unit, "m") && begin > 0 &&
          ascii[begin - 1] != '\\' && !CanonicalUnit(unit).empty()) {
        ascii.resize(begin);
        absl::StrAppend(&ascii, "\\text{", unit, "}");
      }
      absl::StrAppend(&ascii, std::string(1, script.mark), "{", script.symbols,
                      "}");
      text.remove_prefix(script.num_bytes);
      continue;
    }
    // Micrometres.
    if (absl::ConsumePrefix(&text, "\u00b5m") ||
        absl::ConsumePrefix(&text, "\u03bcm")) {
      ascii += "um";
      continue;
    }
    if (const int number = CircledNumber(text)) {
      // (1) and (3) side by side are a list.
      absl::StrAppend(&ascii, is_after_circled ? ", " : "", number);
      text.remove_prefix(3);
      is_after_circled = CircledNumber(text) > 0;
      continue;
    }
    Character character = FindCharacter(text);
    if (character.num_bytes == 0) {
      const bool after_amount =
          std::any_of(ascii.begin(), ascii.end(), absl::ascii_isdigit);
      character = FindChineseWord(text, after_amount);
    }
    if (character.num_bytes == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown character \"", Excerpt(text.substr(0, 4)), "\""));
    }
    absl::StrAppend(&ascii, character.latex);
    text.remove_prefix(character.num_bytes);
  }
  return ascii;
}

}  // namespace

absl::StatusOr<std::string> ToPlainLatex(absl::string_view text) {
  return ToAscii(SingleBackslashes(absl::StrReplaceAll(
      text, {{"&nbsp;", " "}, {"z\u0142", " zl"}, {"K\u010d", " koruna"}})));
}

bool HasCommand(absl::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') continue;
    if (absl::ascii_isalpha(text[i + 1])) return true;
    ++i;
  }
  return false;
}

bool HasFormulaCommand(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') continue;
    size_t end = i + 1;
    while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
    const absl::string_view name = text.substr(i + 1, end - i - 1);
    const CommandRole role = FindCommand(name).role;
    if (!name.empty() && name != "circ" &&
        (role == CommandRole::kSymbol || role == CommandRole::kCommand)) {
      return true;
    }
    i = std::max(i + 1, end - 1);
  }
  return false;
}

}  // namespace r1::math
