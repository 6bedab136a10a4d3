// A whole run: its stages in order, from where it stopped.
#ifndef R1_PIPELINE_RUN_H_
#define R1_PIPELINE_RUN_H_

#include <string>

#include "absl/status/statusor.h"
#include "pipeline/run_context.h"
#include "proto/config.pb.h"

namespace r1 {

struct RunSpec {
  RunConfig config;
  std::string run_dir;
  Topology topology;
  // Go on with a run that another build of the program has begun.
  bool accept_build = false;
};

struct RunOutcome {
  // The run was whole before: nothing was computed.
  bool was_finished = false;
};

// Runs the stages that have steps: pretrain, sft, rl. Ends with summary.json
// and report.html in the run's folder. Shows its progress on standard output.
// Errors: Cancelled if interrupted (InterruptedError); those of RunFolder,
// RunStore and the stages.
absl::StatusOr<RunOutcome> RunAll(const RunSpec& request);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_H_
