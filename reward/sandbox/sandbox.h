// Runs programs nobody trusts, several at a time, within limits.
#ifndef R1_REWARD_SANDBOX_SANDBOX_H_
#define R1_REWARD_SANDBOX_SANDBOX_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "reward/sandbox/launcher_process.h"
#include "reward/sandbox/verdict.h"

namespace r1 {

struct RunLimits {
  int64_t wall_ms = 10000;
  int64_t cpu_ms = 5000;     // of all its processes together
  int64_t memory_mb = 256;   // of all its processes, and of what it writes
  int64_t processes = 16;    // threads count
  int64_t output_kb = 1024;  // of standard output and of standard error
  int64_t disk_mb = 32;      // beside the files that it is given
};

struct RunFile {
  std::string name;  // letters, digits, '.', '_', '-'; not starting with '.'
  std::string content;
};

// The working folder, /box, is writable and holds `files`.
struct RunRequest {
  // A Python program: the file main.py, run in a fork of a warm interpreter.
  bool is_python = false;
  // Otherwise: the absolute path of a program (own files lie in /box), and its
  // arguments.
  std::vector<std::string> argv;
  std::vector<RunFile> files;
  std::string standard_input;
  RunLimits limits;
  // A file of the working folder to bring back, of at most fetch_mb, if the
  // program ends with exit code 0; "" = none.
  std::string fetch;
  int64_t fetch_mb = 16;
};

struct RunResult {
  Verdict verdict = Verdict::kSandboxError;
  int exit_code = 0;  // if it ended by itself and not by a signal
  int signal = 0;     // that ended it; 0 = none
  int64_t cpu_us = 0;
  int64_t wall_us = 0;
  int64_t peak_bytes = 0;       // memory of all its processes and files
  std::string standard_output;  // cut at the limit
  std::string standard_error;
  std::string fetched;
  std::string detail;         // why, for IE
  bool is_cancelled = false;  // by RunLinked; the verdict says nothing then
};

struct SandboxOptions {
  // Programs that run at the same time; 0 = as many as cores, but 2 or more.
  int slots = 0;
  // A folder that programs see, read-only, as /r1/shared; "" = none.
  std::string shared_folder;
};

// Every program gets new PID, mount, IPC, UTS and cgroup namespaces, an empty
// network namespace that its slot keeps, an unprivileged user without
// capabilities, a system call filter, resource limits, cgroups where there are
// any, and of this machine only /usr. See reward/sandbox/README.md.
// Threads: all functions may be called from any thread.
class Sandbox {
 public:
  // Starts a launcher for each slot.
  // Errors: FailedPrecondition, with what this machine refuses.
  static absl::StatusOr<std::unique_ptr<Sandbox>> Start(
      const SandboxOptions& options);
  // Waits for runs under way.
  ~Sandbox();

  int num_slots() const { return static_cast<int>(slots_.size()); }
  // What the slots could get from this machine.
  const LauncherReady& machine() const { return machine_; }

  // Runs the request when a slot is free. What goes wrong in the sandbox is
  // the verdict IE; so are a name or limit out of range.
  RunResult Run(const RunRequest& request);

  // Two programs at the same time, either's descriptor 4 piped to the other's
  // 3. When the first has ended, the second is cancelled if `ends_second` says
  // so of that end.
  std::array<RunResult, 2> RunLinked(
      const RunRequest& first, const RunRequest& second,
      absl::FunctionRef<bool(const RunResult& first)> ends_second);

 private:
  using Slot = std::unique_ptr<LauncherProcess>;

  explicit Sandbox(const SandboxOptions& options) : options_(options) {}

  LauncherSetup Setup() const;
  std::vector<Slot> Take(int count);
  void GiveBack(std::vector<Slot> slots);
  // The result of what was begun; a launcher that is gone is replaced.
  RunResult Finish(const RunOrder& order, Slot* slot, absl::Status begun);

  const SandboxOptions options_;
  LauncherReady machine_;
  std::vector<int> slots_;  // one entry a slot
  absl::Mutex mutex_;
  std::vector<Slot> free_ ABSL_GUARDED_BY(mutex_);
  // Who waits for slots is served in the order of coming: numbers of the next
  // to come and of the next to be served.
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_served_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_SANDBOX_H_
