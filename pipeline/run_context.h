// What the stages of one run share.
#ifndef R1_PIPELINE_RUN_CONTEXT_H_
#define R1_PIPELINE_RUN_CONTEXT_H_

#include <string>

#include "kernels/ops.h"
#include "pipeline/progress.h"
#include "pipeline/run_folder.h"
#include "pipeline/run_store.h"
#include "proto/config.pb.h"

namespace r1 {

// How a run is spread over processes; never changes a result.
struct Topology {
  // Worker processes to start on this machine; 0: sample in this process;
  // kNoWorkers: leave all samples to workers that join at `listen`.
  static constexpr int kNoWorkers = -1;
  int workers = 0;
  // host:port where workers may join; empty: loopback, any free port, and only
  // if there are worker processes.
  std::string listen;
};

// Nothing is owned.
struct RunContext {
  const RunConfig* config = nullptr;
  Topology topology;
  RunFolder* folder = nullptr;
  RunStore* store = nullptr;
  Ops* ops = nullptr;
  Progress* progress = nullptr;
  int num_threads = 1;
};

// What a stage returns when Ctrl-C stopped it at a step boundary, with
// everything saved. Not a failure: the same command goes on.
inline absl::Status InterruptedError(const std::string& where) {
  return absl::CancelledError(
      "interrupted " + where +
      ", everything is saved: the same command goes on from there");
}

}  // namespace r1

#endif  // R1_PIPELINE_RUN_CONTEXT_H_
