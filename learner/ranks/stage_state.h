// A stage's state on its way from rank 0 to the others.
#ifndef R1_LEARNER_RANKS_STAGE_STATE_H_
#define R1_LEARNER_RANKS_STAGE_STATE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/ops.h"
#include "learner/ranks/communicator.h"
#include "learner/training_state.h"
#include "proto/ranks.pb.h"

namespace r1 {

// The fields that say what state it is.
void DescribeState(const TrainingState& state, StageStart* start);

// What follows such a message, from rank 0: the parameters, the slices of the
// moments, the model that adapters belong to, the reference.
// Errors: those of the communicator.
absl::Status SendState(const TrainingState& state, const StageStart& start,
                       const RankSlices& slices, Communicator* ranks);

// The same state on another rank, with its slices of the moments and zeros
// beside them, whose pages are never touched.
// Errors: those of the communicator, and of a model this program cannot read.
absl::StatusOr<TrainingState> ReceiveState(const StageStart& start, Ops* ops,
                                           Communicator* ranks);

}  // namespace r1

#endif  // R1_LEARNER_RANKS_STAGE_STATE_H_
