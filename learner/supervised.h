// Next-token training: pretraining and supervised fine-tuning. Examples are
// packed without padding; the loss is the mean cross entropy of the scored
// tokens.
#ifndef R1_LEARNER_SUPERVISED_H_
#define R1_LEARNER_SUPERVISED_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/ops.h"
#include "learner/journal.h"
#include "learner/optimizer.h"
#include "learner/packing.h"
#include "learner/ranks/stage_leader.h"
#include "learner/supervised_gradient.h"
#include "learner/training_state.h"
#include "proto/config.pb.h"

namespace r1 {

// Training example `index`, a pure function of it. A text has first_scored = 1;
// an SFT example scores from the first token of its completion.
// Errors: are passed on by Step.
using ExampleSource =
    std::function<absl::StatusOr<TrainSequence>(uint64_t index)>;

// What a stage learns from, and what it is measured by.
struct SupervisedData {
  ExampleSource examples;
  // The last batch ends with example num_examples - 1; 0: there is no last.
  uint64_t num_examples = 0;
  std::vector<TrainSequence> held_out = {};
};

// The number of updates that learn the first `num_examples` examples once, in
// batches of at most `batch_tokens` tokens. Errors: of the source.
absl::StatusOr<int64_t> CountBatches(const ExampleSource& examples,
                                     uint64_t num_examples,
                                     int64_t batch_tokens);

// Mean loss of the held-out examples, in nats per scored token.
inline constexpr char kHeldOutLoss[] = "held_out_loss";

// Threads: one learner thread.
class SupervisedTrainer {
 public:
  // `stage` names it in messages; the journal may be null. `state` comes from
  // StartTraining without a reference or from a checkpoint. config.steps() are
  // those of the whole stage. Everything pointed to outlives the trainer.
  SupervisedTrainer(std::string stage, const SupervisedSection& config,
                    SupervisedData data, Ops* ops, Journal* journal,
                    TrainingState state, const GradientRanks& ranks = {});

  // The loss of the held-out examples before the first step, which is recorded
  // as that of step 0; no metric if there are none.
  // Errors: as Step.
  absl::StatusOr<Metrics> MeasureStart();

  // One update over the next examples: as many as fit batch_tokens, at least
  // one. Returns and records loss, grad_norm, learning_rate, tokens/trained,
  // time/step_seconds, tokens_per_second/train, updates/skipped, and, in ten
  // steps at equal distances of which one is the last, held_out_loss. The cut
  // into batches is a function of the examples alone.
  // Errors: of the source; InvalidArgument for an example that is longer than
  // the context, has no scored token or a token outside the vocabulary;
  // FailedPrecondition after three updates in a row that were not applied;
  // those of the ranks.
  absl::StatusOr<Metrics> Step();

  // Its moments are whole only after CollectState, where there are ranks.
  const TrainingState& state() const { return state_; }
  // For a checkpoint. Errors: those of the ranks.
  absl::Status CollectState() { return leader_.Collect(&state_); }
  // Ends the training and hands out its result.
  TrainingState ReleaseState() && { return std::move(state_); }

 private:
  absl::StatusOr<std::vector<TrainSequence>> NextBatch();
  absl::StatusOr<TrainSequence> Example(uint64_t index) const;
  absl::Status CheckExample(const TrainSequence& example,
                            const std::string& name) const;
  absl::StatusOr<double> HeldOutLoss();
  absl::Status ReportSkipped(uint64_t first_index, const UpdateResult& update);

  std::string stage_;
  SupervisedSection config_;
  SupervisedData data_;
  Journal* journal_;
  TrainingState state_;
  SupervisedGradient gradient_;
  StageLeader leader_;
};

}  // namespace r1

#endif  // R1_LEARNER_SUPERVISED_H_
