// Text of a template at work: UTF-8 whose every byte knows whether it comes
// from data, so that special tokens in a question stay text through any
// trimming, cutting and joining. Positions and lengths count characters (code
// points), as Python does.
#ifndef R1_MODEL_JINJA_TEXT_H_
#define R1_MODEL_JINJA_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/marked_text.h"

namespace r1::jinja {

struct Text {
  std::string bytes;  // valid UTF-8
  std::string marks;  // one for each byte: 1 where it comes from data

  static Text Own(absl::string_view bytes);
  static Text From(const MarkedText& text);
  MarkedText ToMarked() const;

  // Bytes [begin, begin + count), on borders of characters.
  Text Sub(size_t begin, size_t count = std::string::npos) const;
  void Append(const Text& other);
  // `bytes` that stand for `source`: data if any byte of that is.
  void AppendFor(absl::string_view bytes, const Text& source);
};

// The characters of `text`, and how many there are.
std::vector<absl::string_view> Characters(absl::string_view text);
size_t CountCharacters(absl::string_view text);

// White space of Python's str.strip() and str.split().
bool IsSpace(absl::string_view character);

// Without the characters in `characters` at the ends; white space if null.
enum class Ends { kLeft, kRight, kBoth };
Text Strip(const Text& text, Ends ends,
           const absl::string_view* characters = nullptr);

// Parts between occurrences of `separator`, which is not empty; at most
// `limit` cuts if it is not negative, from the right if `from_right`.
std::vector<Text> SplitAt(const Text& text, absl::string_view separator,
                          int64_t limit, bool from_right);
// Parts between runs of white space, none of them empty.
std::vector<Text> SplitAtSpace(const Text& text, int64_t limit,
                               bool from_right);
// Lines without their ends.
std::vector<Text> SplitLines(const Text& text);

// At most `limit` occurrences of `from` replaced, all if it is negative.
Text Replace(const Text& text, absl::string_view from, const Text& to,
             int64_t limit);

enum class Case { kUpper, kLower, kTitle, kCapitalize };
Text ChangeCase(const Text& text, Case to);

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_TEXT_H_
