// The generated problems of a task, whatever its kind.
#ifndef R1_ROLLOUT_TASKS_GENERATOR_H_
#define R1_ROLLOUT_TASKS_GENERATOR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/philox.h"
#include "proto/config.pb.h"
#include "rollout/tasks/instruction.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/split.h"
#include "rollout/tasks/sums.h"

namespace r1 {

// Whether the task's kind has a generator, and its settings leave both splits
// problems.
// Errors: InvalidArgument.
absl::Status CheckGenerator(const TaskSection& task);

// A random problem of the split, which `source` names. The task must have
// passed CheckGenerator.
Problem GenerateProblem(const TaskSection& task, Split split,
                        RandomSequence* random, std::string source);

// The settings of a generator as the task says them.
SumsOptions SumsOptionsOf(const TaskSection& task);
InstructionOptions InstructionOptionsOf(const TaskSection& task);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_GENERATOR_H_
