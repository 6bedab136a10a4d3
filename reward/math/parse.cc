#include "reward/math/parse.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"

namespace r1::math {

absl::StatusOr<NodePtr> ParseFormula(absl::string_view source,
                                     const LexOptions& options) {
  R1_ASSIGN_OR_RETURN(std::vector<Token> tokens, Lex(source, options));
  Parser parser(std::move(tokens));
  NodePtr node = parser.ParseAll();
  if (node == nullptr) return parser.status();
  return node;
}

std::string TextForm(absl::string_view source, bool keep_case) {
  std::string spaced;
  for (size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c == '\\') {
      size_t end = i + 1;
      while (end < source.size() && absl::ascii_isalpha(source[end])) ++end;
      const absl::string_view name = source.substr(i + 1, end - i - 1);
      const CommandRole role = FindCommand(name).role;
      if (!name.empty() && role != CommandRole::kText &&
          role != CommandRole::kFormat && role != CommandRole::kSkip) {
        absl::StrAppend(&spaced, source.substr(i, end - i));
      } else if (name.empty() && end < source.size()) {
        ++end;  // "\ ", "\,"
        spaced.push_back(' ');
      }
      i = end - 1;
    } else if (absl::ascii_isalnum(c) || static_cast<unsigned char>(c) >= 128 ||
               absl::StrContains("+-*/=<>^%@#&", c)) {
      spaced.push_back(keep_case ? c : absl::ascii_tolower(c));
    } else if (c == '.' && i > 0 && absl::ascii_isdigit(source[i - 1]) &&
               i + 1 < source.size() && absl::ascii_isdigit(source[i + 1])) {
      spaced.push_back(c);  // 4.5 is not 45
    } else if (!absl::StrContains("{}$'_.", c)) {
      spaced.push_back(' ');
    }
  }
  std::vector<std::string> words =
      absl::StrSplit(spaced, ' ', absl::SkipEmpty());
  if (words.size() > 1 &&
      (words[0] == "the" || words[0] == "a" || words[0] == "an")) {
    words.erase(words.begin());
  }
  return absl::StrJoin(words, " ");
}

bool IsTextLike(absl::string_view source) {
  int depth = 0;
  bool has_word = false;
  for (size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c == '{') {
      ++depth;
    } else if (c == '}') {
      if (--depth < 0) return false;
    } else if (c == '\\') {
      size_t end = i + 1;
      while (end < source.size() && absl::ascii_isalpha(source[end])) ++end;
      const CommandRole role =
          FindCommand(source.substr(i + 1, end - i - 1)).role;
      const bool is_space = end == i + 1 && end < source.size();
      if (!is_space && role != CommandRole::kText &&
          role != CommandRole::kSkip && role != CommandRole::kFormat) {
        return false;
      }
      i = is_space ? end : end - 1;
    } else if (static_cast<unsigned char>(c) >= 128) {
      const size_t num_bytes = ProseCharacter(source.substr(i));
      if (num_bytes == 0) return false;
      has_word = true;
      i += num_bytes - 1;
    } else if (absl::ascii_isalpha(c)) {
      has_word |= i + 1 < source.size() &&
                  (absl::ascii_isalpha(source[i + 1]) ||
                   static_cast<unsigned char>(source[i + 1]) >= 128);
    } else if (!absl::ascii_isalnum(c) && !absl::ascii_isspace(c) &&
               !absl::StrContains(".,:;!?'\"()-/_$&", c)) {
      return false;
    }
  }
  return has_word && depth == 0;
}

}  // namespace r1::math
