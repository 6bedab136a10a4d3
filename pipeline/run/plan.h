// What a run would do: its stages in order, and how far each is.
#ifndef R1_PIPELINE_RUN_PLAN_H_
#define R1_PIPELINE_RUN_PLAN_H_

#include <string>

#include "absl/status/statusor.h"
#include "pipeline/services/topology.h"
#include "proto/config.pb.h"

namespace r1 {

// A line for each stage: its kind, its steps, the memory and the stages that it
// needs, and whether it is
// done (and in what time), begun, to do, or has to be redone, and why; with the
// time it may take, and that of all that is left, as far as what is done tells
// (expected_time.h) and run.db can be read. Changes nothing; `run_dir` need not
// exist. Errors: DataLoss for a damaged stage; those of CheckRanks.
absl::StatusOr<std::string> DescribePlan(const Recipe& recipe,
                                         const std::string& run_dir,
                                         const Topology& topology);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_PLAN_H_
