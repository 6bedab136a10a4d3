// RUN/owner.json: the learner that works on a run, and where workers join it.
#ifndef R1_PIPELINE_FOLDER_RUN_OWNER_H_
#define R1_PIPELINE_FOLDER_RUN_OWNER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rollout/worker.h"

namespace r1 {

// Says that this process listens at `address`: {"address": "node7:7000",
// "host": "node7", "job": "Slurm job 4711", "pid": 7995}. Readers see the old
// file or the new one.
absl::Status WriteRunOwner(const std::string& run_dir,
                           const std::string& address);
absl::Status RemoveRunOwner(const std::string& run_dir);

// The coordinator of the run in the folder, wherever it is at the moment; null
// once the run is whole. A folder that is not there yet, one without an owner
// and a learner that only its own machine can reach are Unavailable.
// Errors: FailedPrecondition for a path that is no folder.
FindCoordinator CoordinatorOf(const std::string& run_dir);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_RUN_OWNER_H_
