#include "reward/math/mended_text.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reward/math/symbols.h"

namespace r1::math {
namespace {

// The ASCII form of the wide character at the start of `text`, as LaTeX; empty
// where there is none. All of them have three bytes.
std::string Narrow(absl::string_view text) {
  if (text.size() < 3) return "";
  if (absl::StartsWith(text, "\u3000")) return " ";
  if (absl::StartsWith(text, "\u3001")) return ",";
  if (absl::StartsWith(text, "\u3002")) return ".";
  // U+FF01 to U+FF5D are "!" to "}".
  if (text[0] != '\xef' || (text[1] != '\xbc' && text[1] != '\xbd')) return "";
  const int code = (static_cast<unsigned char>(text[1]) - 0xbc) * 64 +
                   (static_cast<unsigned char>(text[2]) - 0x80) + 0x20;
  if (code < '!' || code > '}') return "";
  const std::string narrow(1, static_cast<char>(code));
  return absl::StrContains("${}", narrow) ? absl::StrCat("\\", narrow) : narrow;
}

// The letter whose escape gives the control character; 0: none.
char EscapedLetter(char control) {
  constexpr absl::string_view kLetters = "abtnvfr";  // 7 to 13
  return control >= 7 && control <= 13 ? kLetters[control - 7] : '\0';
}

bool IsCommandAt(absl::string_view text, char first) {
  size_t end = 0;
  while (end < text.size() && absl::ascii_isalpha(text[end])) ++end;
  return end > 0 &&
         FindCommand(absl::StrCat(std::string(1, first), text.substr(0, end)))
                 .role != CommandRole::kUnknown;
}

}  // namespace

std::string MendedText(absl::string_view text, TextRole role) {
  std::string mended;
  mended.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 128) {
      const std::string narrow = Narrow(text.substr(i));
      if (!narrow.empty()) {
        mended += narrow;
        i += 2;
        continue;
      }
    }
    const char letter = EscapedLetter(c);
    const bool may_be_space = absl::StrContains("tnr", std::string(1, letter));
    if (letter != '\0' && (role == TextRole::kAnswer || !may_be_space) &&
        IsCommandAt(text.substr(i + 1, 32), letter)) {
      if (!absl::EndsWith(mended, "\\")) mended.push_back('\\');
      mended.push_back(letter);
    } else {
      mended.push_back(c);
    }
  }
  return mended;
}

absl::string_view LostCommand(absl::string_view text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    const char letter = EscapedLetter(text[i]);
    if (letter != '\0' && absl::ascii_isspace(text[i]) && text[i] != '\f' &&
        text[i] != '\v' && absl::ascii_isalpha(text[i + 2]) &&
        IsCommandAt(text.substr(i + 1, 32), letter)) {
      return text.substr(i + 1, 32);
    }
  }
  for (const absl::string_view rest :
       {"rac{", "ext{", "oxed{", "egin{", "inom{", "extbf{", "imes", "heta",
        "ightarrow"}) {
    for (size_t at = text.find(rest); at != absl::string_view::npos;
         at = text.find(rest, at + 1)) {
      if (at == 0 ||
          (!absl::ascii_isalpha(text[at - 1]) && text[at - 1] != '\\' &&
           EscapedLetter(text[at - 1]) == '\0')) {
        return rest;
      }
    }
  }
  return "";
}

std::optional<std::string> PrintedList(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) {
    return std::nullopt;
  }
  std::string list;
  while (true) {
    text = absl::StripLeadingAsciiWhitespace(text);
    if (text.empty() || (text[0] != '"' && text[0] != '\''))
      return std::nullopt;
    const size_t close = text.find(text[0], 1);
    if (close == absl::string_view::npos) return std::nullopt;
    absl::StrAppend(&list, list.empty() ? "" : ", ", text.substr(1, close - 1));
    text = absl::StripAsciiWhitespace(text.substr(close + 1));
    if (text.empty()) return list;
    if (!absl::ConsumePrefix(&text, ",")) return std::nullopt;
  }
}

}  // namespace r1::math
