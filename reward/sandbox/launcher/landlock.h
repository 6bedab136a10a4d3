// A second wall around files, by Linux's Landlock, where there is one.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_LANDLOCK_H_
#define R1_REWARD_SANDBOX_LAUNCHER_LANDLOCK_H_

namespace r1 {

// Holds this process and all it starts to the root that it sees: reading there,
// devices in /dev, changes in /box alone. What is reached otherwise, say by a
// descriptor of the host's that was left open, or a mount that was forgotten,
// is refused with EACCES. Needs no_new_privs. True also where the kernel has no
// Landlock, or one from before Linux 5.19, which would forbid to move files
// from folder to folder.
bool HoldFiles();

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_LANDLOCK_H_
