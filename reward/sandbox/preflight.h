// Tries, before any program of a stranger is run, what such a program would
// try, and says how much of it this machine's sandbox holds.
#ifndef R1_REWARD_SANDBOX_PREFLIGHT_H_
#define R1_REWARD_SANDBOX_PREFLIGHT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

enum class SandboxLevel {
  kNone,      // something gets out: nothing may run
  kIsolated,  // nothing gets out, but memory and processes are limited one by
              // one, not as a sum: a machine without cgroups of our own
  kFull,      // and all is limited
};

// "none", "isolated", "full".
const char* LevelName(SandboxLevel level);
// Errors: InvalidArgument naming the three.
absl::StatusOr<SandboxLevel> ParseLevel(absl::string_view name);

struct ProbeResult {
  std::string name;
  bool is_contained = false;
  bool is_for_full = false;  // its failure costs kFull only
  std::string detail;        // what was seen instead
};

struct Preflight {
  SandboxLevel level = SandboxLevel::kNone;
  std::vector<ProbeResult> probes;
  std::string problem;  // why nothing could be tried; "" = it was

  // OK, or FailedPrecondition with the levels, what failed and what to do.
  absl::Status Require(SandboxLevel level) const;
};

// Runs about a dozen probes, each within a second.
Preflight RunPreflight(Sandbox* sandbox);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_PREFLIGHT_H_
