#include "reward/math/source_text.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/math/symbols.h"
#include "reward/math/units.h"
#include "reward/text.h"

namespace r1::math {
namespace {

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
    if ((end - i) % 2 != 0) return std::string(text);
    has_command |= end < text.size() && absl::ascii_isalpha(text[end]);
    halved.append((end - i) / 2, '\\');
    i = end;
  }
  return has_command ? halved : std::string(text);
}

// Characters beyond ASCII as LaTeX.
absl::StatusOr<std::string> ToAscii(absl::string_view text) {
  std::string ascii;
  while (!text.empty()) {
    if (static_cast<unsigned char>(text[0]) < 128) {
      ascii.push_back(text[0]);
      text.remove_prefix(1);
      continue;
    }
    const Character character = FindCharacter(text);
    if (character.num_bytes == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown character \"", Excerpt(text.substr(0, 4)), "\""));
    }
    // 20m^2 with a raised 2 is a unit.
    if (absl::EndsWith(ascii, "m") &&
        (character.latex == "^2" || character.latex == "^3")) {
      size_t begin = ascii.size();
      while (begin > 0 && absl::ascii_isalpha(ascii[begin - 1])) --begin;
      const std::string unit = ascii.substr(begin);
      if (begin > 0 && !CanonicalUnit(unit).empty()) {
        ascii.resize(begin);
        absl::StrAppend(&ascii, "\\text{", unit, "}");
      }
    }
    absl::StrAppend(&ascii, character.latex);
    text.remove_prefix(character.num_bytes);
  }
  return ascii;
}

}  // namespace

absl::StatusOr<std::string> ToPlainLatex(absl::string_view text) {
  return ToAscii(SingleBackslashes(text));
}

}  // namespace r1::math
