// CPU time by way of /proc, where no cgroup counts it.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_PROC_CPU_H_
#define R1_REWARD_SANDBOX_LAUNCHER_PROC_CPU_H_

#include <sys/types.h>

#include <cstdint>

namespace r1 {

// Microseconds, to a clock tick, of all processes of this PID namespace and
// those below but PID 1 and `other`, and of the children they waited for. Less
// by those that nobody waited for. 0 without /proc.
uint64_t ProcCpuMicros(pid_t other);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_PROC_CPU_H_
