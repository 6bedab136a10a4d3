// How many steps the epochs of a supervised stage are.
#ifndef R1_PIPELINE_STAGES_EPOCH_STEPS_H_
#define R1_PIPELINE_STAGES_EPOCH_STEPS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "learner/supervised.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// The updates that learn the first `num_examples` examples once
// (CountBatches). All of them are read for it: the screen says how far that is,
// and the stage's folder keeps the number for the next start. What the examples
// are made of is pinned before.
// Errors: of the source; Cancelled if interrupted (InterruptedError); DataLoss
// for a number that is none.
absl::StatusOr<int64_t> StepsOfEpochs(const StageContext& context,
                                      const ExampleSource& examples,
                                      uint64_t num_examples);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_EPOCH_STEPS_H_
