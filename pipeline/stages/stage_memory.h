// The memory that a stage will need in this process and in those it starts.
#ifndef R1_PIPELINE_STAGES_STAGE_MEMORY_H_
#define R1_PIPELINE_STAGES_STAGE_MEMORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/memory_plan.h"
#include "model/model_config.h"
#include "pipeline/services/topology.h"
#include "proto/config.pb.h"

namespace r1 {

// Of a stage with a model of this shape. Microbatches are as long as they may
// be, and a prompt as long as a chunk of prefill: longer texts need more, as
// they come. Empty for a stage that computes nothing.
MemoryPlan PlanMemory(const StageConfig& stage, ModelConfig shape,
                      const Topology& topology, const Device& device);

// The same, with the shape of the model at the root of `stages`.
// Errors: those of reading its config.json; InvalidArgument if the device
// cannot compute it.
absl::StatusOr<MemoryPlan> PlanMemory(const StageConfig& stage,
                                      const std::vector<StageConfig>& stages,
                                      const Topology& topology,
                                      const Device& device);

// Errors: ResourceExhausted, with the plan and what would make it smaller, if
// it exceeds `bytes`.
absl::Status CheckMemory(const StageConfig& stage, const MemoryPlan& plan,
                         int64_t bytes);

// "about 310 MiB of memory".
std::string DescribeMemory(const MemoryPlan& plan);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_STAGE_MEMORY_H_
