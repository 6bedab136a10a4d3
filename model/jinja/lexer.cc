#include "model/jinja/lexer.h"

#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "model/jinja/text.h"

namespace r1::jinja {
namespace {

using Kind = Token::Kind;

// Longer ones first.
constexpr absl::string_view kOperators[] = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  "<",  ">", "=", ".", ":", "|", ",", ";"};

absl::string_view WithoutSpaceBehind(absl::string_view text) {
  const Text stripped = Strip(Text::Own(text), Ends::kRight);
  return text.substr(0, stripped.bytes.size());
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (at_ < source_.size()) R1_RETURN_IF_ERROR(TextAndTag());
    Add(Kind::kEnd);
    return std::move(tokens_);
  }

 private:
  absl::string_view Rest() const {
    return absl::string_view(source_).substr(at_);
  }
  absl::Status Fault(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("line ", line_, ": ", what));
  }
  void Add(Kind kind, absl::string_view text = "") {
    tokens_.push_back({kind, line_, std::string(text)});
  }
  void Skip(size_t count) {
    for (size_t i = 0; i < count; ++i) line_ += source_[at_ + i] == '\n';
    at_ += count;
  }
  void SkipSpace() {
    const absl::string_view rest = Rest();
    Skip(rest.size() - absl::StripLeadingAsciiWhitespace(rest).size());
  }

  // The text up to the next tag, and that tag.
  absl::Status TextAndTag() {
    size_t begin = at_;
    do {
      begin = source_.find('{', begin);
      if (begin == std::string::npos) break;
      if (begin + 1 < source_.size() &&
          absl::StrContains("{%#", source_[begin + 1])) {
        break;
      }
      ++begin;
    } while (true);
    if (begin == std::string::npos) {
      if (at_ < source_.size()) Add(Kind::kText, Rest());
      Skip(source_.size() - at_);
      return absl::OkStatus();
    }
    absl::string_view text = Rest().substr(0, begin - at_);
    const char tag = source_[begin + 1];
    const char sign = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
    if (sign == '-') {
      text = WithoutSpaceBehind(text);
    } else if (sign != '+' && tag != '{') {
      text = WithoutIndent(text);
    }
    if (!text.empty()) Add(Kind::kText, text);
    const bool has_sign = sign == '-' || sign == '+';
    Skip(begin - at_ + 2 + (has_sign ? 1 : 0));
    if (tag == '#') return Comment();
    if (tag == '%' && IsRaw()) return Raw();
    Add(tag == '{' ? Kind::kPrint : Kind::kBlock);
    return Inside(tag == '{');
  }

  // Without the blanks before a block that stands first in its line.
  absl::string_view WithoutIndent(absl::string_view text) const {
    const size_t end = text.rfind('\n');
    const size_t line = end == absl::string_view::npos ? 0 : end + 1;
    if (line == 0 && !is_line_start_) return text;
    return WithoutSpaceBehind(text.substr(line)).empty() ? text.substr(0, line)
                                                         : text;
  }

  // After the end of a tag: `is_trimmed` takes all white space, a block's end
  // takes the line end behind it.
  void EndTag(bool is_trimmed, bool takes_line_end) {
    const size_t from = at_;
    if (is_trimmed) {
      while (at_ < source_.size()) {
        const size_t size = Utf8CharacterLength(Rest());
        if (!IsSpace(Rest().substr(0, size))) break;
        Skip(size);
      }
    } else if (takes_line_end && absl::StartsWith(Rest(), "\n")) {
      Skip(1);
    }
    is_line_start_ = at_ > from && source_[at_ - 1] == '\n';
  }

  absl::Status Comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) return Fault("a comment has no end \"#}\"");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    Skip(end + 2 - at_);
    EndTag(sign == '-', sign != '+');
    return absl::OkStatus();
  }

  // {% raw %}, of which "{%" has been read.
  bool IsRaw() const {
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(Rest());
    if (!absl::ConsumePrefix(&rest, "raw")) return false;
    rest = absl::StripLeadingAsciiWhitespace(rest);
    return absl::StartsWith(rest, "%}") || absl::StartsWith(rest, "-%}");
  }

  absl::Status Raw() {
    const size_t open = source_.find("%}", at_);
    const bool is_trimmed = source_[open - 1] == '-';
    Skip(open + 2 - at_);
    if (is_trimmed) SkipSpace();
    for (size_t begin = at_;; ++begin) {
      begin = source_.find("{%", begin);
      if (begin == std::string::npos) {
        return Fault("a raw block has no end \"{% endraw %}\"");
      }
      absl::string_view rest = absl::string_view(source_).substr(begin + 2);
      const bool trims_before = absl::StartsWith(rest, "-");
      const bool keeps_before = absl::StartsWith(rest, "+");
      if (trims_before || keeps_before) rest.remove_prefix(1);
      rest = absl::StripLeadingAsciiWhitespace(rest);
      if (!absl::ConsumePrefix(&rest, "endraw")) continue;
      rest = absl::StripLeadingAsciiWhitespace(rest);
      const bool trims_after = absl::ConsumePrefix(&rest, "-");
      const bool keeps_after = !trims_after && absl::ConsumePrefix(&rest, "+");
      if (!absl::ConsumePrefix(&rest, "%}")) continue;
      absl::string_view text = Rest().substr(0, begin - at_);
      if (trims_before) {
        text = WithoutSpaceBehind(text);
      } else if (!keeps_before) {
        is_line_start_ = false;
        text = WithoutIndent(text);
      }
      if (!text.empty()) Add(Kind::kText, text);
      Skip(rest.data() - source_.data() - at_);
      EndTag(trims_after, !keeps_after);
      return absl::OkStatus();
    }
  }

  // The expression or statement of a tag, to its end.
  absl::Status Inside(bool is_print) {
    std::string open;  // brackets
    while (true) {
      SkipSpace();
      const absl::string_view rest = Rest();
      if (rest.empty()) {
        return Fault(is_print ? "\"{{\" has no end \"}}\""
                              : "\"{%\" has no end \"%}\"");
      }
      if (open.empty() && IsTagEnd(rest, is_print)) return absl::OkStatus();
      const char c = rest[0];
      if (absl::ascii_isalpha(c) || c == '_') {
        size_t size = 1;
        while (size < rest.size() &&
               (absl::ascii_isalnum(rest[size]) || rest[size] == '_')) {
          ++size;
        }
        Add(Kind::kName, rest.substr(0, size));
        Skip(size);
      } else if (absl::ascii_isdigit(c)) {
        R1_RETURN_IF_ERROR(Number());
      } else if (c == '\'' || c == '"') {
        R1_RETURN_IF_ERROR(String());
      } else {
        R1_RETURN_IF_ERROR(Operator(&open));
      }
    }
  }

  bool IsTagEnd(absl::string_view rest, bool is_print) {
    const absl::string_view end = is_print ? "}}" : "%}";
    const bool is_trimmed = absl::StartsWith(rest, absl::StrCat("-", end));
    const bool is_kept =
        !is_print && absl::StartsWith(rest, absl::StrCat("+", end));
    if (!is_trimmed && !is_kept && !absl::StartsWith(rest, end)) return false;
    Add(is_print ? Kind::kPrintEnd : Kind::kBlockEnd);
    Skip(2 + (is_trimmed || is_kept ? 1 : 0));
    EndTag(is_trimmed, !is_print && !is_kept);
    return true;
  }

  absl::Status Number() {
    const absl::string_view rest = Rest();
    size_t size = 0;
    const auto digits = [&] {
      while (size < rest.size() &&
             (absl::ascii_isdigit(rest[size]) ||
              (rest[size] == '_' && size + 1 < rest.size() &&
               absl::ascii_isdigit(rest[size + 1])))) {
        ++size;
      }
    };
    digits();
    bool is_float = false;
    if (size + 1 < rest.size() && rest[size] == '.' &&
        absl::ascii_isdigit(rest[size + 1])) {
      is_float = true;
      ++size;
      digits();
    }
    size_t exponent = size;
    if (exponent < rest.size() && (rest[exponent] | 0x20) == 'e') {
      ++exponent;
      if (exponent < rest.size() && absl::StrContains("+-", rest[exponent])) {
        ++exponent;
      }
      if (exponent < rest.size() && absl::ascii_isdigit(rest[exponent])) {
        is_float = true;
        size = exponent;
        digits();
      }
    }
    const std::string text =
        absl::StrReplaceAll(rest.substr(0, size), {{"_", ""}});
    Add(is_float ? Kind::kFloat : Kind::kInt, text);
    Token& token = tokens_.back();
    if (is_float ? !absl::SimpleAtod(text, &token.number)
                 : !absl::SimpleAtoi(text, &token.integer)) {
      return Fault(absl::StrCat("the number ", text, " is too large"));
    }
    Skip(size);
    return absl::OkStatus();
  }

  absl::Status String() {
    const absl::string_view rest = Rest();
    size_t end = 1;
    while (end < rest.size() && rest[end] != rest[0]) {
      end += rest[end] == '\\' ? 2 : 1;
    }
    if (end >= rest.size()) return Fault("a string has no end");
    std::string text;
    R1_RETURN_IF_ERROR(Unescape(rest.substr(1, end - 1), &text));
    Add(Kind::kString, text);
    Skip(end + 1);
    return absl::OkStatus();
  }

  // Python's escapes; unknown ones stay as they are.
  absl::Status Unescape(absl::string_view raw, std::string* out) const {
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\' || i + 1 == raw.size()) {
        out->push_back(raw[i]);
        continue;
      }
      const char c = raw[++i];
      constexpr absl::string_view kNames = "abfnrtv\\'\"";
      constexpr absl::string_view kValues = "\a\b\f\n\r\t\v\\'\"";
      const size_t known = kNames.find(c);
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
      if (known != absl::string_view::npos) {
        out->push_back(kValues[known]);
      } else if (c == '\n') {
        continue;
      } else if (digits > 0) {
        uint32_t code = 0;
        const absl::string_view hex = raw.substr(i + 1, digits);
        const auto result =
            std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
        if (hex.size() != digits || result.ptr != hex.data() + hex.size() ||
            code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
          return Fault(absl::StrCat("\\", raw.substr(i, 1 + digits),
                                    " is not a character"));
        }
        AppendUtf8(code, out);
        i += digits;
      } else if (c >= '0' && c <= '7') {
        uint32_t code = 0;
        size_t count = 0;
        while (count < 3 && i + count < raw.size() && raw[i + count] >= '0' &&
               raw[i + count] <= '7') {
          code = code * 8 + (raw[i + count++] - '0');
        }
        AppendUtf8(code, out);
        i += count - 1;
      } else if (c == 'N') {
        return Fault("\\N is not supported in strings");
      } else {
        out->push_back('\\');
        out->push_back(c);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Operator(std::string* open) {
    for (absl::string_view op : kOperators) {
      if (!absl::StartsWith(Rest(), op)) continue;
      if (absl::StrContains("([{", op)) {
        open->push_back(op == "(" ? ')' : op == "[" ? ']' : '}');
      } else if (absl::StrContains(")]}", op)) {
        if (open->empty() || open->back() != op[0]) {
          return Fault(absl::StrCat("unexpected \"", op, "\""));
        }
        open->pop_back();
      }
      Add(Kind::kOperator, op);
      Skip(op.size());
      return absl::OkStatus();
    }
    return Fault(absl::StrCat("unexpected character \"",
                              Rest().substr(0, Utf8CharacterLength(Rest())),
                              "\""));
  }

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool is_line_start_ = true;  // where the text to come begins
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source) {
  std::string normalized =
      absl::StrReplaceAll(source, {{"\r\n", "\n"}, {"\r", "\n"}});
  if (absl::EndsWith(normalized, "\n")) normalized.pop_back();
  return Lexer(std::move(normalized)).Run();
}

}  // namespace r1::jinja
