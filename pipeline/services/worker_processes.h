// Worker processes on this machine: started, watched, restarted when they die,
// and gone when this process is.
#ifndef R1_PIPELINE_SERVICES_WORKER_PROCESSES_H_
#define R1_PIPELINE_SERVICES_WORKER_PROCESSES_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace r1 {

struct WorkerProcessOptions {
  int count = 1;
  std::string noun = "worker";  // what messages call them
  // The command of each, e.g. {"r1", "worker", "--join", ADDRESS}; run with
  // this program's own file. {i} in an argument becomes the worker's number.
  std::vector<std::string> arguments;
  // Called with what a person should know (a worker died, restarted).
  std::function<void(const std::string& message)> on_event;
  // Asked when a worker has ended, which is started again only if this is true;
  // null: always. Called with its number.
  std::function<bool(int number)> is_wanted;
  // Called once, when a worker cannot be kept alive.
  std::function<void(const absl::Status& error)> on_failure;
};

// A worker that ends by itself kMaxFailures times in a row, or is killed
// kMaxKills times in a row, each time soon after its start, is given up.
inline constexpr int kMaxFailures = 5;
inline constexpr int kMaxKills = 100;

// What the workers print is logged, with their number in front.
// Threads: one; the callbacks run in a thread of this object.
class WorkerProcesses {
 public:
  // Errors: Unavailable if the system cannot start processes.
  static absl::StatusOr<std::unique_ptr<WorkerProcesses>> Start(
      WorkerProcessOptions options);
  // The run is over and the workers are about to be told: one that ends from
  // now on is no event and is not started again.
  void ExpectEnd() { is_ending_ = true; }
  // Asks the workers to leave (SIGTERM), kills those that are still there
  // after `grace`, and waits for all.
  void Stop(absl::Duration grace);
  ~WorkerProcesses();

 private:
  struct Worker {
    int number = 0;
    pid_t pid = -1;
    int output = -1;      // read end of its standard output and error
    std::string partial;  // an unfinished line of it
    absl::Time started, restart_at = absl::InfiniteFuture();
    int failures = 0, kills = 0;  // in a row, soon after the start
  };

  explicit WorkerProcesses(WorkerProcessOptions options)
      : options_(std::move(options)) {}

  void Supervise();
  absl::Status Spawn(Worker* worker);
  void Reap(Worker* worker);
  void NoteDeath(Worker* worker, int wait_status);
  void ReadOutput(Worker* worker);
  void CloseOutput(Worker* worker);
  void WaitForEvent();
  bool AnyAlive() const;
  void StopAll();

  const WorkerProcessOptions options_;
  std::atomic<int64_t> grace_ms_{0};
  std::atomic<bool> is_ending_{false};
  int stop_pipe_[2] = {-1, -1};  // a byte in it asks the thread to stop
  bool is_stopping_ = false;     // of the thread
  bool has_failed_ = false;      // of the thread
  std::vector<Worker> workers_;  // of the thread
  std::thread thread_;
};

}  // namespace r1

#endif  // R1_PIPELINE_SERVICES_WORKER_PROCESSES_H_
