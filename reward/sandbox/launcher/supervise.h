// The launcher's side of one run: start, feed, capture, limit, end, account.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_SUPERVISE_H_
#define R1_REWARD_SANDBOX_LAUNCHER_SUPERVISE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "reward/sandbox/launcher/cgroup.h"
#include "reward/sandbox/launcher/inside.h"
#include "reward/sandbox/protocol.h"

namespace r1 {

// What the runs of a slot share. Threads: none; a launcher has one.
class Slot {
 public:
  // uid: of the programs, or kKeepUid.
  Slot(SlotCgroup* cgroup, std::string filter, uint64_t uid)
      : cgroup_(cgroup), filter_(std::move(filter)), uid_(uid) {}

  // Runs the order to its end. channel: two descriptors, or none; closed here.
  // `control` is watched for kCancel; at its end the launcher exits.
  // On return no process of the run is left, or the launcher exits.
  RunFacts Run(const RunOrder& order, const std::vector<int>& channel,
               int control);

 private:
  // The fork server's socket; starts it if it is not there. -1: it cannot be.
  int Zygote();
  // The PID of the run's init, or -errno.
  int Start(const RunFds& fds, bool is_python);
  int StartInZygote(const RunFds& fds);

  SlotCgroup* cgroup_;
  const std::string filter_;
  const uint64_t uid_;
  int zygote_ = -1;
  pid_t zygote_pid_ = -1;
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_SUPERVISE_H_
