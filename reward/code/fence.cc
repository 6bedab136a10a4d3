#include "reward/code/fence.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace r1 {
namespace {

using Text = absl::string_view;

constexpr Text kBlanks = " \t";
constexpr size_t kShortest = 3;  // of a fence

// Takes the next line, without its end, off the front of a text.
Text TakeLine(Text* text) {
  const size_t end = text->find('\n');
  const Text line = text->substr(0, end);
  *text =
      end == Text::npos ? text->substr(text->size()) : text->substr(end + 1);
  return line;
}

size_t Indentation(Text line) {
  return std::min(line.find_first_not_of(kBlanks), line.size());
}

// Takes the mark of a quoted line. The blank behind it is part of the
// indentation, of the fence as of the other lines.
bool ConsumeQuote(Text* line) {
  Text rest = line->substr(Indentation(*line));
  if (!absl::ConsumePrefix(&rest, ">")) return false;
  *line = rest;
  return true;
}

// How many of the fence's character stand at `at`.
size_t RunLength(Text line, size_t at, char mark) {
  return std::min(line.find_first_not_of(mark, at), line.size()) - at;
}

// Follows a program and says whether it is inside a string or a comment of
// several lines.
class ProgramText {
 public:
  explicit ProgramText(ProgramLanguage language)
      : is_python_(language == ProgramLanguage::kPython) {}

  bool is_inside() const { return !end_.empty(); }

  // Escapes in long strings do not count: what ends one text ends all.
  void Follow(Text line) {
    for (size_t at = 0; at < line.size();) {
      const Text rest = line.substr(at);
      if (is_inside()) {
        const size_t end = rest.find(end_);
        if (end == Text::npos) return;
        at += end + end_.size();
        end_ = "";
      } else if (absl::StartsWith(rest, is_python_ ? "#" : "//")) {
        return;
      } else if (const Text end = LongEnd(rest); !end.empty()) {
        at += is_python_ ? 3 : 2;
        end_ = end;
      } else if (rest[0] == '"' || rest[0] == '\'') {
        at += ShortString(rest);
      } else {
        ++at;
      }
    }
  }

 private:
  // What ends the string or comment that begins here; "" if none does.
  Text LongEnd(Text rest) const {
    if (!is_python_) return absl::StartsWith(rest, "/*") ? "*/" : "";
    for (Text quotes : {"\"\"\"", "'''"}) {
      if (absl::StartsWith(rest, quotes)) return quotes;
    }
    return "";
  }

  static size_t ShortString(Text rest) {
    for (size_t at = 1; at < rest.size(); ++at) {
      if (rest[at] == rest[0]) return at + 1;
      if (rest[at] == '\\') ++at;
    }
    return rest.size();
  }

  const bool is_python_;
  Text end_;
};

struct Fence {
  char mark = '`';
  size_t length = 0;
  size_t indentation = 0;  // of a fence behind other words: 0
  bool is_quoted = false;
  size_t column = 0;
  Text tag;
  std::optional<Text> program;  // of a block of one line
};

// "python" of "python title=x" and of "{.python}".
Text TagOf(Text word) {
  absl::ConsumePrefix(&word, "{");
  absl::ConsumePrefix(&word, ".");
  return word.substr(0, word.find_first_of(" \t\r{}:,`"));
}

// "- ", "1. ": what stands in front of a fence in a list.
bool IsListMark(Text text) {
  return text.find_first_not_of(" \t-*+.)0123456789") == Text::npos;
}

// The fence that begins a block in this line, if one does.
std::optional<Fence> OpeningIn(Text line) {
  Fence fence;
  const char* const begin = line.data();
  fence.is_quoted = ConsumeQuote(&line);
  size_t at = Indentation(line);
  fence.indentation = at;
  for (char mark : {'`', '~'}) {
    const size_t length = RunLength(line, at, mark);
    if (length >= kShortest) fence.mark = mark, fence.length = length;
  }
  if (fence.length == 0) {  // "Here it is: ```python"
    at = line.find("```");
    if (at == Text::npos) return std::nullopt;
    fence.length = RunLength(line, at, '`');
    fence.indentation = IsListMark(line.substr(0, at)) ? at : 0;
  }
  fence.column = line.data() + at - begin;
  const Text word = absl::StripAsciiWhitespace(line.substr(at + fence.length));
  fence.tag = TagOf(word);
  const size_t next = fence.mark == '`' ? word.find('`') : Text::npos;
  if (next == Text::npos) return fence;
  // All in one line, or inline code.
  if (fence.indentation != at || RunLength(word, next, '`') < fence.length) {
    return std::nullopt;
  }
  fence.program = word.substr(0, next);
  return fence;
}

// Where the fence that ends a block of `open` begins in this line; npos if none
// does. It may be followed by tags.
size_t ClosingIn(Text line, const Fence& open) {
  line = absl::StripTrailingAsciiWhitespace(line);
  const size_t indentation = Indentation(line);
  const size_t length = RunLength(line, indentation, open.mark);
  if (length >= open.length && indentation <= open.indentation + 3) {
    const Text rest =
        absl::StripLeadingAsciiWhitespace(line.substr(indentation + length));
    if (rest.empty() || rest[0] == '<') return indentation;
  }
  if (indentation == line.size() || length > 0) return Text::npos;
  const size_t last = line.find_last_not_of(open.mark) + 1;
  const bool is_inline = line.find(std::string(kShortest, open.mark)) < last;
  return line.size() - last >= open.length && !is_inline ? last : Text::npos;
}

// Without as much indentation as there is, up to that of the fence.
Text Unindent(Text line, size_t indentation) {
  return line.substr(std::min(indentation, Indentation(line)));
}

// Reads blocks one after the other.
class Reader {
 public:
  Reader(Text text, ProgramLanguage language)
      : text_(text), rest_(text), language_(language) {}

  FencedBlocks Read() {
    while (!rest_.empty()) {
      const size_t begin = Position();
      const Text line = TakeLine(&rest_);
      const std::optional<Fence> fence = OpeningIn(line);
      if (fence.has_value()) ReadBlock(*fence, begin + fence->column);
    }
    return std::move(blocks_);
  }

 private:
  size_t Position() const { return text_.size() - rest_.size(); }

  void ReadBlock(const Fence& fence, size_t begin) {
    if (fence.program.has_value()) {
      Text code = *fence.program;
      if (IsTagOf(fence.tag, language_)) code.remove_prefix(fence.tag.size());
      Add(fence, begin, std::string(absl::StripAsciiWhitespace(code)));
      return;
    }
    const Text after_fence = rest_;
    // Where a string never ends its quotes were none.
    for (bool has_strings : {true, false}) {
      rest_ = after_fence;
      if (ReadLines(fence, begin, has_strings)) return;
    }
    blocks_.has_open_one = true;
  }

  // False: there is no end.
  bool ReadLines(const Fence& fence, size_t begin, bool has_strings) {
    ProgramText program(language_);
    std::string code;
    while (!rest_.empty()) {
      const Text before = rest_;
      Text line = TakeLine(&rest_);
      if (fence.is_quoted && !ConsumeQuote(&line)) {
        rest_ = before;
        return false;
      }
      line = Unindent(line, fence.indentation);
      const bool is_inside = has_strings && program.is_inside();
      if (!is_inside) {
        // One that is opened inside another: the first was never closed.
        const std::optional<Fence> next = OpeningIn(line);
        if (next.has_value() && IsOpenedInside(*next, fence)) {
          rest_ = before;
          return true;
        }
        if (Close(fence, begin, line, &code)) return true;
      }
      program.Follow(line);
      if (has_strings && is_inside && !program.is_inside() &&
          Close(fence, begin, line, &code)) {
        return true;
      }
      absl::StrAppend(&code, line);
      code += '\n';
    }
    return false;
  }

  static bool IsOpenedInside(const Fence& next, const Fence& fence) {
    return !next.program.has_value() && !next.tag.empty() &&
           next.tag[0] != '<' && next.mark == fence.mark &&
           next.length == fence.length && next.column <= 3;
  }

  // Whether this line ends the block.
  bool Close(const Fence& fence, size_t begin, Text line, std::string* code) {
    Fence inner = fence;
    inner.indentation = 0;  // of lines that lost theirs
    const size_t at = ClosingIn(line, inner);
    if (at == Text::npos) return false;
    const Text last = line.substr(0, at);
    if (!absl::StripAsciiWhitespace(last).empty()) {
      absl::StrAppend(code, last);
      *code += '\n';
    }
    Add(fence, begin, std::move(*code));
    return true;
  }

  void Add(const Fence& fence, size_t begin, std::string code) {
    if (language_ == ProgramLanguage::kPython) code = Dedent(code);
    blocks_.closed.push_back(
        {std::string(fence.tag), std::move(code), begin, Position()});
  }

  const Text text_;
  Text rest_;
  const ProgramLanguage language_;
  FencedBlocks blocks_;
};

}  // namespace

std::string Dedent(absl::string_view code) {
  const size_t first = code.find_first_not_of(" \t\r\n");
  if (first == Text::npos) return std::string(code);
  const size_t line = code.rfind('\n', first);
  const size_t begin = line == Text::npos ? 0 : line + 1;
  std::string out;
  for (Text rest = code; !rest.empty();) {
    absl::StrAppend(&out, Unindent(TakeLine(&rest), first - begin));
    if (!rest.empty() || code.back() == '\n') out += '\n';
  }
  return out;
}

FencedBlocks FindFencedBlocks(absl::string_view text,
                              ProgramLanguage language) {
  return Reader(text, language).Read();
}

}  // namespace r1
