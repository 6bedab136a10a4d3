// A whole run: its stages in order, from where it stopped.
#ifndef R1_PIPELINE_RUN_RUN_H_
#define R1_PIPELINE_RUN_RUN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/services/topology.h"
#include "proto/config.pb.h"

namespace r1 {

struct RunSpec {
  Recipe recipe;
  std::string run_dir;
  Topology topology;
  // Go on with a run that another build of the program has begun.
  bool accept_build = false;
  // Stages to compute anew, with all that depends on them.
  std::vector<std::string> redo;
  // Only this stage and what it needs; empty: all.
  std::string until;
};

struct RunOutcome {
  // The run was whole before: nothing was computed.
  bool was_finished = false;
};

// Runs the stages that are not done, each after those it needs. Ends with
// summary.json and report.html in the run's folder. Shows its progress on
// standard output. Errors: NotFound for an unknown stage `until`; Cancelled if
// interrupted (InterruptedError); those of RunFolder, RunStore and the stages.
absl::StatusOr<RunOutcome> RunAll(const RunSpec& request);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_RUN_H_
