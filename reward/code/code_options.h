// The settings of the rule "code".
#ifndef R1_REWARD_CODE_CODE_OPTIONS_H_
#define R1_REWARD_CODE_CODE_OPTIONS_H_

#include "absl/status/statusor.h"
#include "reward/core/options.h"
#include "reward/sandbox/preflight.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

struct CodeOptions {
  // "level": what the preflight must reach: "isolated" or "full".
  SandboxLevel level = SandboxLevel::kIsolated;
  // "fraction": "true" = the score is the share of tests passed, and all are
  // run until one is too slow; "false" = 1 for all of them, else 0, and the
  // first failure ends it.
  bool is_fraction = false;
  // "wall_ms", "cpu_ms", "memory_mb", "processes", "output_kb", "disk_mb":
  // limits of each run, within those of the process (code_host.h).
  RunLimits limits;

  // Errors: InvalidArgument naming the key and what it takes.
  static absl::StatusOr<CodeOptions> Parse(const RuleOptions& values);
};

}  // namespace r1

#endif  // R1_REWARD_CODE_CODE_OPTIONS_H_
