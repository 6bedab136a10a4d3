// A text as symbols of arithmetic, one after the other, for steps.h.
#ifndef R1_REWARD_STEPS_STEP_LEXER_H_
#define R1_REWARD_STEPS_STEP_LEXER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace r1 {

enum class StepKind : uint8_t {
  kNumber,    // an integer
  kOperator,  // of "+-*/"
  kOpen,      // "("
  kClose,     // ")"
  kEquals,    // "=", or a verb
  kEnd,       // nothing goes on here: the end of a line, punctuation, a word
  kStrange,   // a part of something else: the x of x+3, 2.5, <=
};

struct StepToken {
  StepKind kind = StepKind::kEnd;
  char op = 0;              // of kOperator
  bool is_word = false;     // an operator or verb in letters
  bool opens_line = false;  // of kEnd: a sign may follow, as in ": -3+4=1"
  size_t begin = 0;         // bytes into the text
  size_t end = 0;
};

// Threads: one each.
class StepLexer {
 public:
  // With `joins_thousands`, 1,234 is one number, else two.
  StepLexer(absl::string_view text, bool joins_thousands)
      : text_(text), joins_thousands_(joins_thousands) {}

  // The next symbol; false at the end of the text. White space but the end of a
  // line is none. Linear in what it reads.
  bool Next(StepToken* token);

  // Whether there was a comma that might be one of thousands.
  bool has_seen_thousands() const { return has_seen_thousands_; }

 private:
  void ReadNumber(StepToken* token);
  void ReadWord(StepToken* token);
  bool ReadChineseWord(StepToken* token);
  void ReadSign(StepToken* token);
  char At(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  const absl::string_view text_;
  const bool joins_thousands_;
  size_t at_ = 0;
  bool has_seen_thousands_ = false;
};

}  // namespace r1

#endif  // R1_REWARD_STEPS_STEP_LEXER_H_
