// What happens between the launcher's clone and the first instruction of the
// program. Used twice: by the launcher, where the program is then executed, and
// in the Python fork server, where the forked interpreter becomes the program.
// Both processes have one thread, so anything may be called after the clone.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_INSIDE_H_
#define R1_REWARD_SANDBOX_LAUNCHER_INSIDE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "reward/sandbox/protocol.h"

namespace r1 {

// The sandbox's part of a run's description, which crosses to the fork server
// in a memfd: the fork server itself, whose copies all later runs are, never
// sees what one run brings along.
struct RunSpec : WireMessage<RunSpec> {
  RunOrder order;    // without standard_input
  uint64_t uid = 0;  // of the program; kKeepUid: a user namespace holds it
  uint64_t has_memory_cgroup = 0, has_pids_cgroup = 0;
  std::string filter;  // the seccomp program, struct sock_filter after another

  template <typename Self, typename Wire>
  static void Visit(Self& self, Wire& wire) {
    wire(self.order, self.uid, self.has_memory_cgroup, self.has_pids_cgroup,
         self.filter);
  }
};
inline constexpr uint64_t kKeepUid = ~uint64_t{0};

// Of every program. Libraries that would start a thread for each core of the
// machine are told not to.
inline constexpr const char* kEnvironment[] = {"PATH=/usr/bin:/bin",
                                               "HOME=/box",
                                               "TMPDIR=/tmp",
                                               "LANG=C.UTF-8",
                                               "USER=sandbox",
                                               "PYTHONHASHSEED=0",
                                               "OMP_NUM_THREADS=1",
                                               "MKL_NUM_THREADS=1",
                                               "OPENBLAS_NUM_THREADS=1",
                                               "NUMEXPR_NUM_THREADS=1",
                                               nullptr};

// Descriptors of a run; -1 where there is none.
struct RunFds {
  int spec = -1;  // memfd with a RunSpec
  int input = -1, output = -1, error = -1;
  int report = -1;                        // takes one RunReport
  int fetch = -1;                         // memfd for the fetched file
  int channel_in = -1, channel_out = -1;  // become 3 and 4 of the program
  int cgroup_v2 = -1;                     // folder; the init is born in it
  int cgroup_tasks[3] = {-1, -1, -1};     // v1; the init enters by writing "0"
};
inline constexpr int kNumRunFds = sizeof(RunFds) / sizeof(int);

struct RunReport {
  int32_t failed_errno;  // of the step that failed; 0 = none
  int32_t wait_status;
  uint64_t cpu_us;       // of the program and what it waited for
  uint64_t peak_bytes;   // largest resident set of one process
  char failed_step[64];  // "" = the program ran and ended
};

// Clones the init of a run: PID 1 of new PID, mount, IPC and UTS namespaces,
// which prepares the view, forks the program, waits for it, writes the report
// and exits; with it the kernel ends all that is left. as_sibling: the caller's
// parent becomes the init's parent.
// Returns the init's PID, or -errno, in the calling process; 0 in the process
// of a forked Python; and not at all elsewhere.
int StartRun(const RunFds& fds, bool as_sibling);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_INSIDE_H_
