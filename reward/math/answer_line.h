// Answers inside sentences.
#ifndef R1_REWARD_MATH_ANSWER_LINE_H_
#define R1_REWARD_MATH_ANSWER_LINE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1 {

// What follows the last "answer is", "answer:" or "answer" before a formula:
// the rest of its line, the next line where that is blank, or the whole of a
// displayed formula. Without "I hope it is correct" and what follows a special
// token "<|". Linear in the text.
std::optional<absl::string_view> AnswerLine(absl::string_view text);

// What a sentence may mean as its answer, most certain first: what follows its
// last "is", "are", "=" or colon; its one formula between dollars, \( \) or
// \[ \]; its one number, where it is plain words otherwise.
std::vector<std::string> SentenceAnswers(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_MATH_ANSWER_LINE_H_
