// The texts that CheckConformance tries.
#ifndef R1_REWARD_CONFORMANCE_CONFORMANCE_TEXTS_H_
#define R1_REWARD_CONFORMANCE_CONFORMANCE_TEXTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1 {

struct NamedText {
  std::string name;
  std::string text;
};

// Completions as models write them: with and without answers, tags, boxes.
std::vector<std::string> OrdinaryTexts();

// Scripts of the world, combining marks, control characters, NUL.
std::vector<NamedText> UnicodeTexts();

// 10 MB each, of what makes a quadratic scan slow.
std::vector<NamedText> HugeTexts();

// What policies have been seen to write in place of an answer, with `answer`
// where it belongs: empty, unclosed and many boxes and tags, lists of
// candidates, restated equations, sets that hold the answer, NaN, instructions.
std::vector<std::string> HackStrings(absl::string_view answer);

}  // namespace r1

#endif  // R1_REWARD_CONFORMANCE_CONFORMANCE_TEXTS_H_
