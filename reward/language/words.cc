#include "reward/language/words.h"

#include <utf8proc.h>

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/utf8.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

using absl::string_view;

// Most code points that one decomposes into (U+FDFA: 18).
constexpr int kMaxDecomposed = 32;
// A longer run of letters is no word, but counts as one.
constexpr size_t kMaxWordBytes = 64;
// Letters of Thai that count as a word.
constexpr size_t kThaiWordLetters = 4;
// Words in a row that are prose inside of what is skipped, and such that have
// their line for themselves.
constexpr size_t kMinHiddenRow = 6;
constexpr size_t kMinHiddenLine = 3;
// A longer row is let out in pieces.
constexpr size_t kMaxHiddenRow = 1000;

bool IsMark(int32_t code_point) {
  const auto category = utf8proc_category(code_point);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC;
}

class Scanner {
 public:
  Scanner(string_view text, const WordVisitor& visitor)
      : text_(text), visitor_(visitor) {}

  void Run() {
    while (at_ < text_.size()) {
      const string_view rest = text_.substr(at_);
      const size_t skip = SkipLength(rest);
      if (skip > 0) {
        EndWord();
        TakeHidden(rest.substr(0, skip));
      } else {
        TakeCharacter();
      }
    }
    EndWord();
    EndLine();
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
        return num_letters_ == 0 && !is_name_ ? UrlLength(rest) : 0;
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

  // Looks for prose in a stretch that is skipped, at the front of the rest.
  void TakeHidden(string_view stretch) {
    const size_t end = at_ + stretch.size();
    is_hidden_ = !TagLength(stretch) && !UrlLength(stretch);
    if (!is_hidden_) at_ = end;
    while (at_ < end) {
      const string_view rest = text_.substr(at_, end - at_);
      if (rest[0] == '\\') {
        EndWord();
        EndRow(kMinHiddenRow);
        at_ += CommandLength(rest);
      } else {
        TakeCharacter();
      }
    }
    EndWord();
    is_hidden_ = false;
  }

  void TakeCharacter() {
    size_t length = 0;
    const int32_t code_point = FirstCodePoint(text_.substr(at_), &length);
    at_ += length;
    if (code_point >= 0x80) return AddDecomposed(code_point);
    if (absl::ascii_isalpha(code_point)) {
      return AddLetter(absl::ascii_tolower(code_point));
    }
    if (code_point == '_' || absl::ascii_isdigit(code_point)) {
      EndPart();
      is_name_ = true;
      return;
    }
    EndWord();
    if (code_point == '\n') EndLine();
    if (is_hidden_ && code_point != '\n' &&
        !absl::StrContains(" _-',.`$", char(code_point))) {
      EndRow(kMinHiddenRow);
      line_has_code_ = true;
    }
    const bool is_point = code_point == '.' && !IsDigitNext();
    const bool ends = is_point || code_point == '!' || code_point == '?' ||
                      code_point == ';' || code_point == '\n';
    if (ends && !is_hidden_) visitor_.sentence_end();
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
                                       UTF8PROC_CASEFOLD),
        &boundary);
    if (count < 0 || count > kMaxDecomposed) return EndWord();
    for (int i = 0; i < count; ++i) {
      if (!IsLetterOrMark(parts[i])) {
        EndWord();
      } else if (IsMark(parts[i])) {
        AddMark(parts[i]);
      } else {
        AddLetter(parts[i]);
      }
    }
    if (code_point == 0x3002 || code_point == 0xFF01 || code_point == 0xFF1F ||
        code_point == 0xFF1B) {
      if (!is_hidden_) visitor_.sentence_end();
    }
  }

  void AddLetter(int32_t code_point) {
    const Script script = ScriptOf(code_point);
    const bool is_other = num_letters_ > 0 && script != word_.script;
    if (is_other || IsWordByCharacter(script)) EndWord();
    // Digits make names of Latin and Greek words only: others are inflected.
    is_name_ &= script == Script::kLatin || script == Script::kGreek;
    word_.script = script;
    letter_ = code_point;
    ++num_letters_;
    Append(code_point, &word_.letters);
    if (IsWordByCharacter(script) ||
        (script == Script::kThai && num_letters_ == kThaiWordLetters)) {
      EndWord();
    }
  }

  // Of the letter before.
  void AddMark(int32_t mark) {
    if (num_letters_ == 0) return;
    if (letter_ != 0) Append(letter_, &word_.accented);
    letter_ = 0;
    Append(mark, &word_.accented);
    has_accent_ |= mark == 0x300 || mark == 0x301;  // grave, acute
  }

  static void Append(int32_t code_point, std::string* text) {
    if (text->size() >= kMaxWordBytes) return;
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(code_point, bytes);
    text->append(reinterpret_cast<const char*>(bytes), size);
  }

  // What stands before a digit or underscore of a name.
  void EndPart() {
    if (num_letters_ > 1) parts_.push_back(word_);
    word_.letters.clear();
    word_.accented.clear();
    num_letters_ = 0;
  }

  void EndWord() {
    const bool is_word = num_letters_ > 1 ||
                         (num_letters_ == 1 && has_accent_) ||
                         (num_letters_ == 1 && IsWordByCharacter(word_.script));
    if (is_word) parts_.push_back(word_);
    for (Word& part : parts_) {
      if (is_hidden_ || is_name_) {
        row_.push_back(std::move(part));
      } else {
        EndRow(kMinHiddenRow);
        visitor_.word(part);
        line_has_prose_ = true;
      }
    }
    if (row_.size() >= kMaxHiddenRow) EndRow(kMinHiddenRow);
    parts_.clear();
    word_ = {};
    letter_ = 0;
    num_letters_ = 0;
    is_name_ = has_accent_ = false;
  }

  // Lets out the row if it has that many words.
  void EndRow(size_t fewest) {
    if (row_.empty()) return;
    if (row_.size() >= fewest) {
      visitor_.sentence_end();
      for (const Word& word : row_) visitor_.word(word);
      visitor_.sentence_end();
    }
    row_.clear();
    line_has_row_ = true;
  }

  void EndLine() {
    const bool shares = line_has_prose_ || line_has_code_ || line_has_row_;
    EndRow(shares ? kMinHiddenRow : kMinHiddenLine);
    line_has_prose_ = line_has_code_ = line_has_row_ = false;
  }

  const string_view text_;
  const WordVisitor& visitor_;
  size_t at_ = 0;           // bytes into the text
  bool is_hidden_ = false;  // in what is skipped
  // The word so far, and the parts before it if it is a name: it has digits or
  // underscores.
  Word word_;
  size_t num_letters_ = 0;
  int32_t letter_ = 0;       // the last one; 0 once it has an accent
  bool has_accent_ = false;  // grave or acute
  bool is_name_ = false;
  std::vector<Word> parts_;
  std::vector<Word> row_;  // of words in what is skipped
  bool line_has_code_ = false, line_has_prose_ = false, line_has_row_ = false;
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
