// Training of a reward model on preferences: pairs of texts or labelled ones,
// packed without padding; the loss is the mean over a batch's examples.
#ifndef R1_JUDGE_REWARD_MODEL_TRAINER_H_
#define R1_JUDGE_REWARD_MODEL_TRAINER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "judge/preference_loss.h"
#include "kernels/ops.h"
#include "learner/journal.h"
#include "learner/optimizer.h"
#include "learner/training_state.h"
#include "model/packed_model.h"

namespace r1 {

// Defaults: DeepSeek-R1 (arXiv 2501.12948 v2), 3.1.
struct RewardModelOptions {
  int64_t steps = 1;         // of the schedule, a half cosine to a tenth
  int64_t batch_size = 256;  // examples per update, 1 or more
  double learning_rate = 6e-6;
  int64_t warmup_steps = 0;
  double weight_decay = 0;
};

// Example `index`, a pure function of it. Errors: are passed on by Step.
using PreferenceSource =
    std::function<absl::StatusOr<Preference>(uint64_t index)>;

// Threads: one learner thread.
class RewardModelTrainer {
 public:
  // `state` comes from StartTraining of a reward model, or from a
  // CheckpointStore for ModelHead::kScore. The Ops outlive the trainer.
  RewardModelTrainer(const RewardModelOptions& options,
                     PreferenceSource examples, Ops* ops, TrainingState state);

  // One update over the next batch_size examples. Returns loss, accuracy and
  // margin before the update, grad_norm, learning_rate, updates/skipped,
  // tokens/trained, time/step_seconds and tokens_per_second/train. Equal bits
  // for any number of threads. An update that would not be finite is not
  // applied, with one line of the log. Errors: of the source; InvalidArgument
  // for an example without any text or with one that the model cannot score;
  // FailedPrecondition after three updates in a row that were not applied.
  absl::StatusOr<Metrics> Step();

  const TrainingState& state() const { return state_; }
  // Ends the training and hands out its result.
  TrainingState ReleaseState() && { return std::move(state_); }

 private:
  absl::StatusOr<std::vector<Preference>> NextBatch();
  absl::StatusOr<Preference> Example(uint64_t index) const;
  PreferenceMetrics AccumulateGradient(const std::vector<Preference>& batch);

  int64_t batch_size_;
  PreferenceSource examples_;
  Ops* ops_;
  TrainingState state_;
  OptimizerConfig optimizer_;
  PackedModel model_;
  ParamSet grads_;
};

}  // namespace r1

#endif  // R1_JUDGE_REWARD_MODEL_TRAINER_H_
