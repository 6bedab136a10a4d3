#include "reward/language/words.h"

#include <utf8proc.h>

#include <cstddef>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

using absl::string_view;

// Most code points that one decomposes into (U+FDFA: 18).
constexpr int kMaxDecomposed = 32;
// A longer run of letters is no word, but counts as one.
constexpr size_t kMaxWordBytes = 64;

class Scanner {
 public:
  Scanner(string_view text, const WordVisitor& visitor)
      : text_(text), visitor_(visitor) {}

  void Run() {
    while (at_ < text_.size()) {
      const size_t skip = SkipLength(text_.substr(at_));
      if (skip > 0) {
        EndWord();
        at_ += skip;
      } else {
        TakeCharacter();
      }
    }
    EndWord();
    visitor_.sentence_end();
  }

 private:
  // Length of what is no prose at the front of `rest`; 0 if prose may be there.
  size_t SkipLength(string_view rest) {
    switch (rest[0]) {
      case '<':
        return TagLength(rest);
      case '`':
        if (absl::StartsWith(rest, "```")) {
          const size_t length = Through(rest, "```");
          return length > 0 ? length : rest.size();
        }
        return InLine(rest, '`');
      case '$':
        if (absl::StartsWith(rest, "$$")) return Through(rest, "$$");
        return InLine(rest, '$');
      case '\\':
        if (absl::StartsWith(rest, "\\$") || absl::StartsWith(rest, "\\`")) {
          return 2;
        }
        if (absl::StartsWith(rest, "\\(")) return Through(rest, "\\)");
        if (absl::StartsWith(rest, "\\[")) return Through(rest, "\\]");
        if (absl::StartsWith(rest, "\\begin{")) {
          const size_t length = Through(rest, "\\end{");
          if (length > 0) return length + NameLength(rest.substr(length));
        }
        return CommandLength(rest);
      case 'h':
      case 'w':
        return word_.empty() && !is_name_ ? UrlLength(rest) : 0;
      default:
        return 0;
    }
  }

  static size_t TagLength(string_view rest) {
    for (const string_view tag :
         {"<think>", "</think>", "<answer>", "</answer>"}) {
      if (absl::StartsWith(rest, tag)) return tag.size();
    }
    return 0;
  }

  // Through the next `close`; 0 if there is none. That there is none is
  // remembered, or many openings would each search the whole rest.
  size_t Through(string_view rest, string_view close) {
    bool& is_absent = absent_[close];
    if (is_absent) return 0;
    const size_t end = rest.find(close, 2);
    is_absent = end == rest.npos;
    return is_absent ? 0 : end + close.size();
  }

  // Through the next `mark` of this line that has no backslash before it, if
  // text stands close to both. Otherwise 0; such a mark ends every search that
  // begins before it, so this is linear.
  static size_t InLine(string_view rest, char mark) {
    size_t end = 1;
    while (end < rest.size() && rest[end] != '\n' &&
           (rest[end] != mark || rest[end - 1] == '\\')) {
      ++end;
    }
    const bool is_closed = end < rest.size() && rest[end] == mark && end > 1 &&
                           !absl::ascii_isspace(rest[1]) &&
                           !absl::ascii_isspace(rest[end - 1]);
    return is_closed ? end + 1 : 0;
  }

  // The name after \end{ or \begin{ and its brace.
  static size_t NameLength(string_view rest) {
    size_t end = 0;
    while (end < rest.size() && absl::ascii_isalpha(rest[end])) ++end;
    if (end < rest.size() && rest[end] == '*') ++end;
    return end < rest.size() && rest[end] == '}' ? end + 1 : 0;
  }

  static size_t CommandLength(string_view rest) {
    size_t end = 1;
    while (end < rest.size() && absl::ascii_isalpha(rest[end])) ++end;
    return end;
  }

  static size_t UrlLength(string_view rest) {
    if (!absl::StartsWith(rest, "http://") &&
        !absl::StartsWith(rest, "https://") &&
        !absl::StartsWith(rest, "www.")) {
      return 0;
    }
    size_t end = 0;
    while (end < rest.size() && absl::ascii_isgraph(rest[end])) ++end;
    return end;
  }

  void TakeCharacter() {
    size_t length = 0;
    const int32_t code_point = FirstCodePoint(text_.substr(at_), &length);
    at_ += length;
    if (code_point == '_' ||
        (code_point < 0x80 && absl::ascii_isdigit(code_point))) {
      is_name_ = true;
      return;
    }
    if (code_point < 0x80) {
      if (absl::ascii_isalpha(code_point)) {
        AddLetter(absl::ascii_tolower(code_point));
      } else {
        EndWord();
        const bool is_point = code_point == '.' && !IsDigitNext();
        const bool ends = is_point || code_point == '!' || code_point == '?' ||
                          code_point == ';' || code_point == '\n';
        if (ends) visitor_.sentence_end();
      }
      return;
    }
    AddDecomposed(code_point);
  }

  bool IsDigitNext() const {
    return at_ < text_.size() && absl::ascii_isdigit(text_[at_]);
  }

  // Letter by letter rather than over the whole text: putting many marks of a
  // letter into their order, as NFKC does, takes quadratic time.
  void AddDecomposed(int32_t code_point) {
    utf8proc_int32_t parts[kMaxDecomposed];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(
        code_point, parts, kMaxDecomposed,
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                       UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK),
        &boundary);
    if (count < 0 || count > kMaxDecomposed) return EndWord();
    for (int i = 0; i < count; ++i) {
      if (IsLetterOrMark(parts[i])) {
        AddLetter(parts[i]);
      } else {
        EndWord();
      }
    }
    if (code_point == 0x3002 || code_point == 0xFF01 || code_point == 0xFF1F ||
        code_point == 0xFF1B) {
      visitor_.sentence_end();
    }
  }

  void AddLetter(int32_t code_point) {
    const Script script = ScriptOf(code_point);
    if (script != script_ || IsWordByCharacter(script)) EndWord();
    script_ = script;
    ++num_letters_;
    if (word_.size() < kMaxWordBytes) {
      utf8proc_uint8_t bytes[4];
      const auto size = utf8proc_encode_char(code_point, bytes);
      word_.append(reinterpret_cast<const char*>(bytes), size);
    }
    if (IsWordByCharacter(script)) EndWord();
  }

  void EndWord() {
    const bool is_word = num_letters_ > 1 || IsWordByCharacter(script_);
    if (!word_.empty() && !is_name_ && is_word) visitor_.word(script_, word_);
    word_.clear();
    num_letters_ = 0;
    is_name_ = false;
  }

  const string_view text_;
  const WordVisitor& visitor_;
  size_t at_ = 0;  // bytes into the text
  // The word so far; is_name_: it has digits or underscores.
  std::string word_;
  size_t num_letters_ = 0;
  Script script_ = Script::kOther;
  bool is_name_ = false;
  // Closing marks that do not occur in the rest of the text.
  std::map<string_view, bool> absent_;
};

}  // namespace

bool IsLetterOrMark(int32_t code_point) {
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
      return true;
    default:
      return false;
  }
}

void VisitWords(absl::string_view text, const WordVisitor& visitor) {
  Scanner(text, visitor).Run();
}

}  // namespace r1
