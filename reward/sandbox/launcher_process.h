// One launcher as seen from the program: a child process and a socket.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_PROCESS_H_
#define R1_REWARD_SANDBOX_LAUNCHER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reward/sandbox/protocol.h"

namespace r1 {

// Threads: one at a time; Cancel from any while a run is under way.
class LauncherProcess {
 public:
  // Errors: FailedPrecondition, with what the machine refuses.
  static absl::StatusOr<std::unique_ptr<LauncherProcess>> Start(
      const LauncherSetup& setup);
  // Ends what runs, and waits until the launcher has cleaned up.
  ~LauncherProcess();

  const LauncherReady& ready() const { return ready_; }

  // Begins a run; `channel` is empty or the program's descriptors 3 and 4, of
  // which the caller keeps and closes its own copies.
  // Errors: Unavailable when the launcher is gone; it is of no use then.
  absl::Status Begin(const RunOrder& order, const std::vector<int>& channel);
  // Waits for the end of the run. Errors: as Begin.
  absl::StatusOr<RunFacts> Finish();
  // Makes a run end soon. Its facts say so.
  void Cancel();

 private:
  LauncherProcess(int socket, pid_t pid) : socket_(socket), pid_(pid) {}

  const int socket_;
  const pid_t pid_;
  LauncherReady ready_;
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_PROCESS_H_
