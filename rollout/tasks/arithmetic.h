// Multi-digit sums, differences and products.
#ifndef R1_ROLLOUT_TASKS_ARITHMETIC_H_
#define R1_ROLLOUT_TASKS_ARITHMETIC_H_

#include <cstdint>
#include <string>

#include "base/philox.h"
#include "proto/config.pb.h"
#include "rollout/tasks/split.h"

namespace r1 {

struct ArithmeticProblem {
  int64_t a = 0, b = 0;
  char op = '+';  // of "+-*/"
  int64_t answer = 0;

  std::string Question() const;   // "What is 123+45?"
  std::string Reference() const;  // {"answer":"168"}
  std::string Canonical() const;
  // The working, one place value of b (of the quotient) a line:
  // "123+5=128\n128+40=168".
  std::string Working() const;
};

// A random problem of the split: operands of 1..digits digits, half as many for
// "*", and for the divisor and quotient of "/"; op one of config.operators();
// differences not negative, quotients whole.
ArithmeticProblem MakeArithmeticProblem(const TaskSection& config, Split split,
                                        RandomSequence* random);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_ARITHMETIC_H_
