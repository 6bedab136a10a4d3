// The program in a completion.
#ifndef R1_REWARD_CODE_EXTRACT_H_
#define R1_REWARD_CODE_EXTRACT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "reward/code/language.h"

namespace r1 {

struct ExtractedCode {
  std::string code;
  const char* problem = "";  // set when there is none
};

// What follows the last </think>; reasoning that is not closed holds no
// program. There the last <answer> that stands in no block, if there is one, is
// searched first. A text with blocks has in order of preference: the last one
// marked as of the language that defines `entry_point` (a name; "" asks for
// nothing), the last one of the language, the last one of all. A text without
// any is a program as a whole.
//
// Blocks are Markdown's: between fences of three or more ` or ~, which may be
// indented, quoted (">") or behind words of their line; their lines lose the
// indentation and the quotation marks of the fence. A fence inside a string or
// a comment of the program is none; one behind the last line of the program
// closes it. A block without its end is none. Linear time.
ExtractedCode ExtractCode(absl::string_view completion,
                          ProgramLanguage language,
                          absl::string_view entry_point = "");

}  // namespace r1

#endif  // R1_REWARD_CODE_EXTRACT_H_
