// AdamW over all parameters, its learning-rate schedule, and the rule that a
// non-finite update is never applied.
#ifndef R1_LEARNER_OPTIMIZER_H_
#define R1_LEARNER_OPTIMIZER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/ops.h"
#include "learner/ranks/communicator.h"
#include "model/param_set.h"

namespace r1 {

// The rate of update 0, 1, …: linear warm-up to `peak` over `warmup` updates
// (the first has peak / warmup), then constant, or the half cosine to a tenth
// of the peak at update `total` - 1 (paper B.4.2 and B.4.3 for the tenth).
struct LearningRateSchedule {
  double peak = 0;
  int64_t warmup = 0;
  bool is_cosine = false;
  int64_t total = 1;

  double At(int64_t update) const;
};

struct OptimizerConfig {
  LearningRateSchedule schedule;
  double weight_decay = 0;   // on matrices only
  double max_grad_norm = 0;  // 0 = no clipping
};

// Adam's exponents and epsilon. (0.9, 0.95) are DeepSeek-V3's (arXiv
// 2412.19437, 4.2); the R1 paper names none for RL.
inline constexpr float kAdamBeta1 = 0.9f;
inline constexpr float kAdamBeta2 = 0.95f;
inline constexpr float kAdamEpsilon = 1e-8f;

// Numbers that the 2-norms of the weights and of both moments do not exceed.
struct NormBounds {
  double weights = std::numeric_limits<double>::infinity();  // not known
  double m = std::numeric_limits<double>::infinity();
  double v = std::numeric_limits<double>::infinity();
};

// What an optimizer remembers; part of every checkpoint but for `bounds`, which
// are measured when they are needed.
struct OptimizerState {
  // Of these parameters; zero.
  explicit OptimizerState(const ParamSet& params)
      : m(params.shared_layout(), params.device()),
        v(params.shared_layout(), params.device()) {}

  ParamSet m, v;
  int64_t step = 0;     // updates applied; Adam's bias correction
  int64_t updates = 0;  // updates tried; the schedule's position
  int64_t skipped_in_a_row = 0;
  NormBounds bounds;
};

struct UpdateResult {
  bool is_applied = false;
  std::string skip_reason;  // "" if applied
  double grad_norm = 0;     // before clipping
  double learning_rate = 0;
};

// Most updates skipped in a row before a run stops.
inline constexpr int64_t kMaxSkippedInARow = 3;

// One update: params -= AdamW step of `grads` clipped to max_grad_norm. With a
// non-finite `loss` or gradient, or unless norms prove that every weight and
// moment stays finite, nothing but `updates` and `skipped_in_a_row` changes.
// (The proof fails some orders of magnitude before a float overflows, and is a
// matter of the values alone, so a continued run skips what the first would
// have.) Between the updates of a state nothing else may change `params`.
// Deterministic.
UpdateResult ApplyUpdate(const OptimizerConfig& config, double loss,
                         const ParamSet& grads, Ops* ops, OptimizerState* state,
                         ParamSet* params);

// The same update by all ranks of a learner, of which each knows a slice of the
// gradient and of both moments: it updates its slice of `params`, which is then
// shared, so that all of `params` is the same on all of them. All give the same
// arguments but for their slices; `slices` are those of the flat layout, and
// `gradient` is this rank's, [1, size]. The same bits for any number of ranks.
// Errors: those of the communicator; then `params` and `state` are of no use.
absl::StatusOr<UpdateResult> ApplyUpdateOnRanks(const OptimizerConfig& config,
                                                double loss, Tensor gradient,
                                                const RankSlices& slices,
                                                Communicator* ranks, Ops* ops,
                                                OptimizerState* state,
                                                ParamSet* params);

// FailedPrecondition once kMaxSkippedInARow updates in a row were not applied.
absl::Status CheckNotStuck(const OptimizerState& state,
                           const UpdateResult& last);

}  // namespace r1

#endif  // R1_LEARNER_OPTIMIZER_H_
