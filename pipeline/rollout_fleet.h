// The coordinator of a run and its workers on this machine: one on a thread of
// this process, or processes of their own. Others may join over the network.
#ifndef R1_PIPELINE_ROLLOUT_FLEET_H_
#define R1_PIPELINE_ROLLOUT_FLEET_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "pipeline/run_context.h"
#include "pipeline/worker_processes.h"
#include "proto/config.pb.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_server.h"
#include "rollout/embedded_worker.h"

namespace r1 {

// Threads: one learner thread.
class RolloutFleet {
 public:
  // on_event: what a person should know about workers; called from any thread.
  // Errors: Unavailable for a port in use, InvalidArgument for a malformed
  // address.
  static absl::StatusOr<std::unique_ptr<RolloutFleet>> Start(
      const RunConfig& config, const ModelConfig& model,
      const Tokenizer& tokenizer, const Topology& topology, int num_threads,
      std::function<void(const std::string& message)> on_event);
  // Sends all workers home.
  ~RolloutFleet();

  RolloutSource* source() { return coordinator_.get(); }
  // host:port where workers join; empty if only this process can.
  const std::string& address() const { return server_->address(); }

 private:
  RolloutFleet() = default;

  // In the order in which they may be destroyed from the bottom up.
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<EmbeddedWorker> embedded_;
  std::unique_ptr<WorkerProcesses> processes_;
};

}  // namespace r1

#endif  // R1_PIPELINE_ROLLOUT_FLEET_H_
