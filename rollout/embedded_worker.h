// A worker on a thread of the learner's process, over the in-process channel
// and with the learner's own weights.
#ifndef R1_ROLLOUT_EMBEDDED_WORKER_H_
#define R1_ROLLOUT_EMBEDDED_WORKER_H_

#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "base/log.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_server.h"
#include "rollout/worker.h"

namespace r1 {

// Runs until it is destroyed, the run is finished or it is put out of service.
// If the worker fails otherwise, the coordinator's Next returns its error.
// Threads: owns one.
class EmbeddedWorker {
 public:
  // Both must outlive this object; options.shared_weights is set here.
  EmbeddedWorker(Coordinator* coordinator, CoordinatorServer* server,
                 WorkerOptions options)
      : thread_([coordinator, channel = server->InProcessChannel(),
                 options = WithWeights(std::move(options), coordinator)](
                    std::stop_token stop) {
          const absl::Status status =
              Worker(channel, options).Run(std::move(stop));
          if (absl::IsPermissionDenied(status)) {
            LogWarning(status.message());  // others generate
          } else if (!status.ok() && !absl::IsCancelled(status)) {
            coordinator->Fail(status);
          }
        }) {}

 private:
  static WorkerOptions WithWeights(WorkerOptions options,
                                   Coordinator* coordinator) {
    options.shared_weights = &coordinator->weights();
    return options;
  }

  std::jthread thread_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_EMBEDDED_WORKER_H_
