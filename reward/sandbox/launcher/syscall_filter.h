// The system calls a program may make.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_SYSCALL_FILTER_H_
#define R1_REWARD_SANDBOX_LAUNCHER_SYSCALL_FILTER_H_

#include <string>

namespace r1 {

// A seccomp program, as struct sock_filter after another; "" on failure. What
// it does not allow fails with EPERM, or ENOSYS where libraries then use an
// older call: what is newer than this program, too; calls of another
// architecture kill. Files in memory are for programs whose memory is counted:
// no limit of a process sees them.
std::string SyscallFilter(bool counts_memory);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_SYSCALL_FILTER_H_
