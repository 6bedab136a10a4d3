// What a rank other than rank 0 does: what it is ordered to.
#ifndef R1_LEARNER_RANKS_GRADIENT_WORKER_H_
#define R1_LEARNER_RANKS_GRADIENT_WORKER_H_

#include "absl/status/status.h"
#include "kernels/ops.h"
#include "learner/ranks/communicator.h"

namespace r1 {

// Takes part in every stage of a run, until the communicator fails: at its end,
// too, it is rank 0 that aborts it. Returns that error.
// Threads: one.
absl::Status RunGradientWorker(Communicator* ranks, Ops* ops);

}  // namespace r1

#endif  // R1_LEARNER_RANKS_GRADIENT_WORKER_H_
