// Countdown: reach a target from a few numbers with + - * /, each number used
// exactly once (TinyZero's task).
#ifndef R1_ROLLOUT_TASKS_COUNTDOWN_H_
#define R1_ROLLOUT_TASKS_COUNTDOWN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/philox.h"
#include "proto/config.pb.h"
#include "rollout/tasks/split.h"

namespace r1 {

struct CountdownProblem {
  std::vector<int64_t> numbers;
  int64_t target = 0;

  // "Make 24 from 3 5 9."
  std::string Question() const;
  // {"nums":[3,5,9],"target":24}, the form the reward rule reads.
  std::string Reference() const;
  // Equal for equal problems: sorted numbers and target.
  std::string Canonical() const;
};

// One way of combining all numbers, as a sequence of two-number steps.
struct CountdownAttempt {
  std::vector<std::string> steps;  // "3+5=8", "8*9=72"
  std::string expression;          // "(3+5)*9", fewest parentheses
  int64_t value = 0;
};

// A random attempt in which every step gives a positive integer of at most
// kCountdownLimit. `operators`: the allowed ones of "+-*/". `numbers` must
// allow such an attempt, as those of a problem made here do.
CountdownAttempt RandomAttempt(const std::vector<int64_t>& numbers,
                               const std::string& operators,
                               RandomSequence* random);

inline constexpr int64_t kCountdownLimit = 999;

// A random problem of the split, with a solution by construction: numbers in
// 1..max_number, the target the value of a random attempt. `config` must have
// passed CheckCountdownGenerator.
CountdownProblem MakeCountdownProblem(const TaskSection& config, Split split,
                                      RandomSequence* random);

// InvalidArgument if the settings allow no problem of a split ("/" alone and
// numbers that hardly ever divide, three problems in all, …), with what to do.
absl::Status CheckCountdownGenerator(const TaskSection& config);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_COUNTDOWN_H_
