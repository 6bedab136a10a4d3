#include "rollout/tasks/generator.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "rollout/tasks/arithmetic.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/secret.h"

namespace r1 {

SumsOptions SumsOptionsOf(const TaskSection& task) {
  SumsOptions options;
  options.numbers = task.max_numbers();
  options.max_number = task.max_number();
  return options;
}

// Names have been checked.
InstructionOptions InstructionOptionsOf(const TaskSection& task) {
  InstructionOptions options;
  if (task.instruction().empty()) return options;
  options.kinds.clear();
  for (const std::string& name : task.instruction()) {
    const auto kind = InstructionKindOf(name);
    if (kind.ok()) options.kinds.push_back(*kind);
  }
  return options;
}

absl::Status CheckGenerator(const TaskSection& task) {
  switch (task.kind()) {
    case COUNTDOWN:
      return CheckCountdownGenerator(task);
    case ARITHMETIC:
      return absl::OkStatus();
    case SUMS:
      return CheckSums(SumsOptionsOf(task));
    case INSTRUCTION:
      for (const std::string& name : task.instruction()) {
        R1_RETURN_IF_ERROR(InstructionKindOf(name).status());
      }
      return CheckInstructions(InstructionOptionsOf(task));
    case REQUEST:
      return CheckSecrets(SecretOptions());
    case QUESTION_ANSWER:
      return absl::InvalidArgumentError(
          "task.kind QUESTION_ANSWER needs task.file, a JSONL of prompts");
  }
  return absl::OkStatus();
}

Problem GenerateProblem(const TaskSection& task, Split split,
                        RandomSequence* random, std::string source) {
  const auto problem = [&](const auto& p) {
    return Problem{std::move(source), p.Question(), p.Reference(),
                   p.Canonical()};
  };
  switch (task.kind()) {
    case ARITHMETIC:
      return problem(MakeArithmeticProblem(task, split, random));
    case SUMS:
      return problem(MakeSumsProblem(SumsOptionsOf(task), split, random));
    case INSTRUCTION:
      return problem(
          MakeInstructionProblem(InstructionOptionsOf(task), split, random));
    case REQUEST:
      return problem(MakeSecretProblem(SecretOptions(), split, random));
    default:
      R1_CHECK(task.kind() == COUNTDOWN, "the task has a generator");
      return problem(MakeCountdownProblem(task, split, random));
  }
}

}  // namespace r1
