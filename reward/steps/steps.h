// Arithmetic that a text states ("7 and 3 make 10", "10减7得3", "7+3=10"), and
// whether it is true.
#ifndef R1_REWARD_STEPS_STEPS_H_
#define R1_REWARD_STEPS_STEPS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

struct StepCount {
  int64_t right = 0;
  int64_t all = 0;
  std::string first_wrong;  // as the text has it, for people; empty for none
};

// Counts the statements of a text, each within a line:
//   signs  EXPRESSION = EXPRESSION, of countdown/expression.h (integers, + - *
//          / and × ÷, parentheses), at least one of them with an operator. A
//          chain a = b = c is two statements, a = b and b = c.
//   words  NUMBER OPERATOR NUMBER {OPERATOR NUMBER} VERB NUMBER, the operators
//          and, plus, less, minus, times, 加 减 乘 乘以 除以, the verbs make,
//          makes, equals, gives, 得 得到 等于; they have their precedence.
// Values are exact. What is only a part of something else is no statement:
// x+3=10, 2^3+1=9, 7 cm+3 cm=10 cm, 0.5+0.5=1, 3+4<=8. Commas may separate
// statements or thousands: a statement is true if it is in either reading.
// Linear in the text, which may be any bytes.
StepCount CountSteps(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_STEPS_STEPS_H_
