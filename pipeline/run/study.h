// A study: the runs of one recipe with several seeds.
#ifndef R1_PIPELINE_RUN_STUDY_H_
#define R1_PIPELINE_RUN_STUDY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/report/study_report.h"
#include "pipeline/services/topology.h"
#include "proto/config.pb.h"

namespace r1 {

struct StudySpec {
  Recipe recipe;  // its own seed means nothing
  std::vector<uint64_t> seeds;
  std::string dir;
  Topology topology;
  // Go on with runs that another build of the program has begun.
  bool accept_build = false;
  // Stages that each run computes anew, with all that depends on them.
  std::vector<std::string> redo;
};

// Takes back the stages of `redo` in every run that has begun, so that a study
// that is stopped goes on without it; then runs each seed that is not done in
// dir/seed-N, in the order given, and writes study.json and study.html after
// each, with what there is. One that fails leaves the others alone: its error
// comes at the end. Logs a line as a seed begins and ends. Nothing runs before
// every run folder, the recipe and its inputs are checked.
// Errors: InvalidArgument if no stage compares models; NotFound for an unknown
// stage to redo; FailedPrecondition if the folder holds something else;
// Unavailable if another process holds it; Cancelled if interrupted; those of
// RunAll (run.h).
absl::StatusOr<Study> RunStudy(const StudySpec& spec);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_STUDY_H_
