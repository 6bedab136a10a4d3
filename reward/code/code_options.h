// The settings of the rule "code".
#ifndef R1_REWARD_CODE_CODE_OPTIONS_H_
#define R1_REWARD_CODE_CODE_OPTIONS_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "reward/sandbox/preflight.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

struct CodeOptions {
  // "level": what the preflight must reach: "isolated" or "full".
  SandboxLevel level = SandboxLevel::kIsolated;
  // "slots": programs at the same time, 2 at least; 0 = twice the cores.
  int slots = 0;
  // "fraction": "true" = the score is the share of tests passed, and all are
  // run; "false" = 1 for all of them, else 0, and the first failure ends it.
  bool is_fraction = false;
  // "wall_ms", "cpu_ms", "memory_mb", "processes", "output_kb", "disk_mb":
  // limits of each run.
  RunLimits limits;
  // "cache": folder for the precompiled C++ header, made if it is not there;
  // "" = none. Default: r1 below $XDG_CACHE_HOME or $HOME/.cache.
  std::string cache = DefaultCache();

  static std::string DefaultCache();
  // Errors: InvalidArgument naming the key and what it takes.
  static absl::StatusOr<CodeOptions> Parse(
      const std::map<std::string, std::string>& values);
};

}  // namespace r1

#endif  // R1_REWARD_CODE_CODE_OPTIONS_H_
