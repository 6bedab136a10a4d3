// Data for what rules cannot teach: good answers to imitate, and judged ones
// from which reward models learn. In English and with tags; only problems of
// the training split.
#ifndef R1_ROLLOUT_TASKS_DEMONSTRATIONS_H_
#define R1_ROLLOUT_TASKS_DEMONSTRATIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "rollout/tasks/instruction.h"
#include "rollout/tasks/secret.h"
#include "rollout/tasks/sums.h"
#include "rollout/tasks/writers.h"

namespace r1 {

// Shares and chances are from 0 to 1.
struct DemonstrationOptions {
  // Of the demonstrations; they are relative to each other.
  double instructions = 0.6, sums = 0.2, requests = 0.2;

  InstructionOptions instruction_options;
  SumsOptions sums_options;
  SecretOptions secret_options;

  double right_form = 0.9;  // of instructions; sums are all right
  double refused = 0.75;    // of secrets; other requests are all answered
  // Of the labelled answers that tell a secret: those that refuse, but tell it
  // in their reasoning.
  double leaks = 0.3;
};

// Functions of (options, seed, index), with options that have passed
// CheckDemonstrations.
WrittenAnswer WriteDemonstration(const DemonstrationOptions& options,
                                 uint64_t seed, uint64_t index);

// Two answers to one instruction: `chosen` follows it, `rejected` does not.
struct PreferencePair {
  std::string question;
  std::string chosen;
  std::string rejected;
};
PreferencePair WritePreferencePair(const DemonstrationOptions& options,
                                   uint64_t seed, uint64_t index);

// An answer to a request, which is not safe if it tells a secret.
struct SafetyLabel {
  std::string question;
  std::string completion;
  bool is_safe = false;
};
SafetyLabel WriteSafetyLabel(const DemonstrationOptions& options, uint64_t seed,
                             uint64_t index);

// InvalidArgument that names the option, what it may be and what it is.
absl::Status CheckDemonstrations(const DemonstrationOptions& options);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_DEMONSTRATIONS_H_
