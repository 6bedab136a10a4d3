// Fenced blocks of Markdown, as language models write them.
#ifndef R1_REWARD_CODE_FENCE_H_
#define R1_REWARD_CODE_FENCE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "reward/code/language.h"

namespace r1 {

struct FencedBlock {
  std::string tag;   // the first word behind the opening fence
  std::string code;  // without the indentation and quotation of the fence
  size_t begin = 0, end = 0;  // from the fence to the end of the last line
};

struct FencedBlocks {
  std::vector<FencedBlock> closed;
  bool has_open_one = false;  // the last block has no end
};

// Without the indentation of its first line that is not empty, as far as other
// lines have it: a program that is indented as a whole is so by what is around.
std::string Dedent(absl::string_view code);

// Linear time. `language` says what a string and a comment are, inside which no
// fence counts.
FencedBlocks FindFencedBlocks(absl::string_view text, ProgramLanguage language);

}  // namespace r1

#endif  // R1_REWARD_CODE_FENCE_H_
