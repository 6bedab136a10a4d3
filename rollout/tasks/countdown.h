// Countdown: reach a target from a few numbers with + - * /, each number used
// exactly once (TinyZero's task).
#ifndef R1_ROLLOUT_TASKS_COUNTDOWN_H_
#define R1_ROLLOUT_TASKS_COUNTDOWN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/philox.h"
#include "proto/config.pb.h"
#include "rollout/tasks/split.h"

namespace r1 {

struct CountdownOptions {
  int min_numbers = 3, max_numbers = 3;
  int64_t max_number = 12;  // each number is from 1 to this
  std::string operators = "+-";
};

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

// Two numbers, and what they make.
struct CountdownStep {
  int64_t a = 0;
  char op = '+';
  int64_t b = 0;
  int64_t result = 0;

  std::string Text() const;  // "3+5=8"
};

// One way of combining all numbers, as a sequence of two-number steps.
struct CountdownAttempt {
  std::vector<CountdownStep> steps;
  std::string expression;  // "(3+5)*9", fewest parentheses
  int64_t value = 0;
};

// A random attempt in which every step gives a positive integer of at most
// kCountdownLimit. `operators`: the allowed ones of "+-*/". `numbers` must
// allow such an attempt, as those of a problem made here do.
CountdownAttempt RandomAttempt(const std::vector<int64_t>& numbers,
                               const std::string& operators,
                               RandomSequence* random);

// The same with an operator of the caller's choice for each step that is tried;
// nothing at a dead end: every step is refused, or so it seems.
std::optional<CountdownAttempt> TryAttempt(
    const std::vector<int64_t>& numbers,
    absl::FunctionRef<char()> next_operator, RandomSequence* random);

inline constexpr int64_t kCountdownLimit = 999;

// A random problem of the split, with a solution by construction: numbers in
// 1..max_number, the target the value of a random attempt. The options must
// have passed CheckCountdownGenerator.
CountdownProblem MakeCountdownProblem(const CountdownOptions& options,
                                      Split split, RandomSequence* random);
CountdownProblem MakeCountdownProblem(const TaskSection& config, Split split,
                                      RandomSequence* random);

// InvalidArgument if the settings allow no problem of a split ("/" alone and
// numbers that hardly ever divide, three problems in all, …), with what to do.
absl::Status CheckCountdownGenerator(const CountdownOptions& options);
absl::Status CheckCountdownGenerator(const TaskSection& config);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_COUNTDOWN_H_
