// The ranks of a learner on this machine: this process, which is rank 0, and
// others that it starts and that end with it.
#ifndef R1_PIPELINE_SERVICES_RANK_PROCESSES_H_
#define R1_PIPELINE_SERVICES_RANK_PROCESSES_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learner/ranks/grpc_ranks.h"
#include "pipeline/services/worker_processes.h"
#include "proto/config.pb.h"

namespace r1 {

// Threads: one learner thread.
class RankProcesses {
 public:
  // Starts `ranks` - 1 processes with so many threads each on the device of
  // that name, and waits until all have joined. Errors: those of GrpcRanks;
  // FailedPrecondition or Unavailable if one ends.
  static absl::StatusOr<std::unique_ptr<RankProcesses>> Start(
      int ranks, int threads, const std::string& device_name);
  // The run is over, or goes on another time: the others leave.
  ~RankProcesses();

  Communicator* communicator() { return ranks_.get(); }

 private:
  RankProcesses() = default;

  std::unique_ptr<GrpcRanks> ranks_;
  std::unique_ptr<WorkerProcesses> processes_;
};

// Errors: InvalidArgument for a stage that is not finished in the run and whose
// learner.gradient_shards `ranks` does not divide.
absl::Status CheckRanks(absl::Span<const StageConfig> stages,
                        const std::string& run_dir, int ranks);

}  // namespace r1

#endif  // R1_PIPELINE_SERVICES_RANK_PROCESSES_H_
