// What the process that runs programs decides for all its rules "code"; they
// share one sandbox.
#ifndef R1_REWARD_CODE_CODE_HOST_H_
#define R1_REWARD_CODE_CODE_HOST_H_

#include <cstdint>
#include <string>

#include "reward/sandbox/sandbox.h"

namespace r1 {

struct CodeHost {
  // Programs at the same time, 2 at least; 0 = twice the cores.
  int slots = 0;
  // Folder for the precompiled C++ header, made if it is not there; "" = none.
  // Default: r1 below $XDG_CACHE_HOME or $HOME/.cache.
  std::string cache = DefaultCache();
  // What no rule and no reference can exceed.
  int64_t max_wall_ms = 600000;
  int64_t max_memory_mb = 16384;

  static std::string DefaultCache();
  // The limits, none above the most.
  RunLimits Clamped(RunLimits limits) const;
};

// Sets it for this process, before a rule judges anything.
void SetCodeHost(const CodeHost& host);
const CodeHost& ThisCodeHost();

}  // namespace r1

#endif  // R1_REWARD_CODE_CODE_HOST_H_
