// The coordinator of a run and its workers on this machine: one on a thread of
// this process, or processes of their own. Others may join over the network.
#ifndef R1_PIPELINE_SERVICES_ROLLOUT_FLEET_H_
#define R1_PIPELINE_SERVICES_ROLLOUT_FLEET_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "pipeline/services/topology.h"
#include "pipeline/services/worker_processes.h"
#include "proto/config.pb.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_server.h"
#include "rollout/embedded_worker.h"

namespace r1 {

// Threads: one learner thread.
class RolloutFleet {
 public:
  // on_event: what a person should know about workers, by kind of event;
  // called from any thread.
  // Errors: Unavailable for a port in use, InvalidArgument for a malformed
  // address.
  static absl::StatusOr<std::unique_ptr<RolloutFleet>> Start(
      const StageConfig& config, const ModelConfig& model,
      const Tokenizer& tokenizer, const Topology& topology, int num_threads,
      std::function<void(const std::string& kind, const std::string& message)>
          on_event);
  // The run needs no more samples, now or when it goes on: sends all workers
  // home. Waits a moment for them to leave.
  void Finish();
  // The stage needs no more samples, and if it is the last to sample, the run
  // does not either. Otherwise workers of elsewhere stay for a later stage.
  void EndStage(bool is_last_to_sample);
  // Ends the workers of this machine. Others find the coordinator out of reach
  // and wait for the run to go on, unless it was finished.
  ~RolloutFleet();

  RolloutSource* source() { return coordinator_.get(); }
  // host:port where workers elsewhere join; empty if they may not.
  const std::string& join_address() const { return join_address_; }

 private:
  RolloutFleet() = default;

  std::string join_address_;
  // In the order in which they may be destroyed from the bottom up.
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<EmbeddedWorker> embedded_;
  std::unique_ptr<WorkerProcesses> processes_;
};

}  // namespace r1

#endif  // R1_PIPELINE_SERVICES_ROLLOUT_FLEET_H_
