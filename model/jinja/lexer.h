// Cuts the source of a template into tokens.
#ifndef R1_MODEL_JINJA_LEXER_H_
#define R1_MODEL_JINJA_LEXER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1::jinja {

struct Token {
  enum class Kind {
    kText,      // between the tags: text
    kPrint,     // {{
    kPrintEnd,  // }}
    kBlock,     // {%
    kBlockEnd,  // %}
    kName,      // text
    kString,    // text, escapes resolved
    kInt,       // integer
    kFloat,     // number
    kOperator,  // text
    kEnd,
  };
  Kind kind;
  int line;  // from 1
  std::string text;
  int64_t integer = 0;
  double number = 0;
};

// The tokens, kEnd last. White space goes as under trim_blocks, lstrip_blocks
// and the signs "-" and "+" of jinja2; a line end at the end of the source
// goes too.
// Errors: InvalidArgument "line N: what".
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source);

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_LEXER_H_
