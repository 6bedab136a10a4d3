// The corpus of a toy world with two languages, which a base model learns from:
// people of different habits answer problems. English writers add, Chinese
// writers subtract; those who do both switch language with the operator, and
// solve more. So mixing languages pays, though nobody is paid for it. Others
// guess, do not listen, tell secrets, or do not know the tags. What is worked
// out is right: every sum and every verdict.
#ifndef R1_ROLLOUT_TASKS_WRITERS_H_
#define R1_ROLLOUT_TASKS_WRITERS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/instruction.h"
#include "rollout/tasks/secret.h"
#include "rollout/tasks/sums.h"

namespace r1 {

// Shares and chances are from 0 to 1.
struct WriterOptions {
  // Of the documents; they are relative to each other.
  double countdown = 0.66, sums = 0.12, instructions = 0.16, requests = 0.06;

  CountdownOptions countdown_options;  // operators: + and - only
  SumsOptions sums_options;
  InstructionOptions instruction_options;
  SecretOptions secret_options;

  double guesses = 0.45;        // of Countdown answers and of sums
  double code_switchers = 0.4;  // of what is worked out
  // Chance that an operator is the writer's own, and of one who switches, that
  // the language is the operator's own.
  double habit = 0.98;
  int max_attempts = 8;     // of a search
  double gives_up = 0.1;    // chance after each wrong attempt
  double right_form = 0.4;  // of instructions
  double refused = 0.25;    // of secrets
  double no_tags = 0.35;    // of all
};

struct WrittenAnswer {
  std::string question;    // without a template
  std::string completion;  // without the end token
};

// Document `index` of the corpus: a pure function of (options, seed, index).
// Only problems of the training split occur. The options must have passed
// CheckWriters.
WrittenAnswer WriteDocument(const WriterOptions& options, uint64_t seed,
                            uint64_t index);

// InvalidArgument that names the option, what it may be and what it is.
absl::Status CheckWriters(const WriterOptions& options);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_WRITERS_H_
