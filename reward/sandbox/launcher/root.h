// The read-only root that all runs of a slot share: /usr of the host, some
// devices, the fork server's files; nothing else of this machine.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_ROOT_H_
#define R1_REWARD_SANDBOX_LAUNCHER_ROOT_H_

#include <string>

#include "reward/sandbox/protocol.h"

namespace r1 {

// Makes it the root of this process, which needs namespaces of its own. The
// host's files are out of reach afterwards. Returns "" or what failed.
std::string EnterRoot(const LauncherSetup& setup);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_ROOT_H_
