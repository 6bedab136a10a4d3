// The program in a completion.
#ifndef R1_REWARD_CODE_EXTRACT_H_
#define R1_REWARD_CODE_EXTRACT_H_

#include "absl/strings/string_view.h"
#include "reward/code/language.h"

namespace r1 {

struct ExtractedCode {
  absl::string_view code;    // into the completion
  const char* problem = "";  // set when there is none
};

// What follows the last </think>; reasoning that is not closed holds no
// program. There: the last block between lines that begin with ``` which is
// marked as of the language, else the last block of all. A block without its
// end is none. Text without any ``` is a program as a whole. Linear time.
ExtractedCode ExtractCode(absl::string_view completion,
                          ProgramLanguage language);

}  // namespace r1

#endif  // R1_REWARD_CODE_EXTRACT_H_
