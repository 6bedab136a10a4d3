// Finds, before anything is computed, what a run would only stumble over
// hours later.
#ifndef R1_PIPELINE_RUN_CHECK_INPUTS_H_
#define R1_PIPELINE_RUN_CHECK_INPUTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pipeline/services/topology.h"
#include "proto/config.pb.h"

namespace r1 {

// For every stage that is not done: reads the base model's config.json, also
// for whether adapters fit it, and the data files, looks for the rules that the
// reward names (asking the reward server, if there is one) and whether rows of
// the data can earn them (check_references.h), and whether the address can be
// listened on, and whether the machine has the memory. Errors: the first that
// is found; as the stage itself would report it.
absl::Status CheckInputs(const std::vector<StageConfig>& stages,
                         const std::string& run_dir, const Topology& topology);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_CHECK_INPUTS_H_
