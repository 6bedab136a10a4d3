// The RL training step: prompts -> samples -> rewards -> advantages -> new
// weights. Its order and types are those of README.md's diagram.
#ifndef R1_LEARNER_TRAINER_H_
#define R1_LEARNER_TRAINER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/ops.h"
#include "learner/collector.h"
#include "learner/journal.h"
#include "learner/mismatch.h"
#include "learner/policy_gradient.h"
#include "learner/progress.h"
#include "learner/ranks/communicator.h"
#include "learner/ranks/stage_leader.h"
#include "learner/step_metrics.h"
#include "learner/training_state.h"
#include "proto/config.pb.h"

namespace r1 {

struct TrainerOptions {
  std::vector<AnswerRule> answer_rules;  // decide the metric "accuracy"
  Patience patience;
  ProgressReporter::Callback on_progress;  // may be empty
  Communicator* ranks = nullptr;           // who helps to train; null: nobody
};

// Threads: one learner thread.
class Trainer {
 public:
  // `state` comes from StartTraining (with a reference if rl.kl_coef > 0) or
  // from a checkpoint. Everything pointed to outlives the trainer.
  Trainer(const StageConfig& config, const LearnerPeers& peers, Ops* ops,
          TrainingState state, TrainerOptions options);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // One rollout phase and its rl.minibatches x rl.inner_epochs updates. Returns
  // and records the metrics of step state().step. After an error the trainer
  // is spent: go on from the last checkpoint; the journal keeps the samples.
  // After Cancelled (options.patience.should_stop) state() is still that of the
  // step before.
  // Samples whose log-probs differ from the trainer's own by more than
  // rl.max_mismatch are made again before anything is updated (mismatch.h).
  // Flush the journal before anything is done with what it gives, the next step
  // included, which publishes the new weights.
  // Errors: those of SampleCollector::Collect, MismatchInquiry and the ranks;
  // FailedPrecondition after three updates in a row that were not applied.
  absl::StatusOr<Metrics> Step();

  // Its moments are whole only after CollectState, where there are ranks.
  const TrainingState& state() const { return state_; }
  // For a checkpoint. Errors: those of the ranks.
  absl::Status CollectState() { return leader_.Collect(&state_); }
  // Id of the current weights.
  WeightsId weights_id() const;

 private:
  absl::StatusOr<Collection> Collect(int64_t step, MismatchInquiry* inquiry,
                                     int64_t* fresh_tokens);
  absl::StatusOr<UpdateTotals> Train(absl::Span<PolicySample> samples);
  absl::Status Update(const std::vector<const PolicySample*>& minibatch,
                      UpdateTotals* totals);
  absl::Status ReportSkipped(const std::vector<const PolicySample*>& minibatch,
                             const UpdateResult& update);
  void StartProgress(absl::Span<const PolicySample> samples);
  void ReportProgress(int64_t new_tokens);

  const StageConfig config_;
  LearnerPeers peers_;
  Ops* ops_;
  TrainingState state_;
  TrainerOptions options_;
  ProgressReporter progress_;
  SampleCollector collector_;
  PolicyGradient gradient_;
  StageLeader leader_;
  std::string weights_sha256_;
  StepProgress train_progress_;
};

// The optimizer settings of the RL stage.
OptimizerConfig MakeRlOptimizerConfig(const RlSection& rl);

}  // namespace r1

#endif  // R1_LEARNER_TRAINER_H_
