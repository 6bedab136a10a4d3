// The cgroups of one slot: for each of memory, pids and cpu accounting, in
// version 1 or 2 of the interface or not at all, whatever this machine has and
// lets us use. Found and made while the host's /sys/fs/cgroup is in view; used
// through descriptors afterwards.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_CGROUP_H_
#define R1_REWARD_SANDBOX_LAUNCHER_CGROUP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "reward/sandbox/launcher/inside.h"

namespace r1 {

class SlotCgroup {
 public:
  // Makes a group of that name under this process's own (version 2: the
  // nearest of it and its parents that hands down controllers, but none above a
  // group with a limit of memory or CPU time). No controller of memory is used
  // whose limit programs pass by way of swap. `process` is the folder of /proc
  // that says what is mounted and which group is its own.
  explicit SlotCgroup(const std::string& name,
                      const std::string& process = "/proc/self");
  // The groups stay until Remove.
  ~SlotCgroup() = default;
  SlotCgroup(const SlotCgroup&) = delete;
  SlotCgroup& operator=(const SlotCgroup&) = delete;

  // Deletes the empty groups; needs the host's view. Waits up to a second for
  // the last process to be gone.
  void Remove() const;

  // 1 or 2; 0 = none.
  int memory_version() const { return memory_.version; }
  int pids_version() const { return pids_.version; }
  int cpu_version() const { return cpu_.version; }

  // Sets the limits and notes where the counters stand. False if a limit could
  // not be set.
  bool Begin(uint64_t memory_bytes, uint64_t processes);
  // Where a run's init enters.
  void FillFds(RunFds* fds) const;

  // Since Begin.
  uint64_t CpuMicros() const;  // 0 without a controller
  uint64_t OomKills() const;
  uint64_t RefusedForks() const;
  uint64_t PeakBytes() const;  // 0 if the kernel does not count it for a run
  // Whether any process is in a group.
  bool IsEmpty() const;
  // Waits, for at most a second, until the memory of the last run is given
  // back: the kernel takes a tmpfs apart after its last user is gone.
  void AwaitMemory() const;

 private:
  struct Group {
    int version = 0;
    std::string path;
    int folder = -1;
    int entry = -1;  // version 1: its "tasks" to write to
    int peak = -1;   // version 2: memory.peak, which counts for a descriptor
  };

  void FindVersion1(const std::string& name, const std::string& process);
  void FindVersion2(const std::string& name, const std::string& process);
  uint64_t HeldBytes() const;  // what the last run has not given back
  uint64_t CpuCounter() const;
  uint64_t OomCounter() const;
  uint64_t ForkCounter() const;

  Group memory_, pids_, cpu_;
  uint64_t memory_limit_ = 0, processes_limit_ = 0;  // what is set
  bool has_peak_ = false;                            // since Begin
  uint64_t cpu_start_ = 0, oom_start_ = 0, fork_start_ = 0;
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_CGROUP_H_
