// Sums and differences of several small numbers, worked out step by step.
#ifndef R1_ROLLOUT_TASKS_SUMS_H_
#define R1_ROLLOUT_TASKS_SUMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/philox.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/split.h"

namespace r1 {

struct SumsOptions {
  int numbers = 3;          // of a sum: 2 to 6
  int64_t max_number = 12;  // each is from 1 to this, 999 at most
};

struct SumsProblem {
  std::string expression;  // "8+3-5": without parentheses, all results above 0
  std::vector<CountdownStep> steps;  // 8+3=11, 11-5=6
  int64_t answer = 0;

  std::string Question() const;   // "Work out 8+3-5."
  std::string Reference() const;  // {"answer":"6"}
  std::string Canonical() const;
};

// A random problem of the split. The options must have passed CheckSums.
SumsProblem MakeSumsProblem(const SumsOptions& options, Split split,
                            RandomSequence* random);

// InvalidArgument for options outside their bounds, or that leave a split
// without problems.
absl::Status CheckSums(const SumsOptions& options);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_SUMS_H_
