#include "learner/supervised.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

// Clip of the gradient norm (DeepSeek-V3, arXiv 2412.19437, 4.2).
constexpr double kMaxGradNorm = 1.0;

OptimizerConfig MakeOptimizerConfig(const SupervisedSection& config) {
  OptimizerConfig optimizer;
  optimizer.schedule.peak = config.learning_rate();
  optimizer.schedule.warmup = config.warmup_steps();
  optimizer.schedule.is_cosine = true;
  optimizer.schedule.total = config.steps();
  optimizer.weight_decay = config.weight_decay();
  optimizer.max_grad_norm = kMaxGradNorm;
  return optimizer;
}

// Whether held-out examples are looked at after this step: in every tenth part
// of the stage, at its end.
bool IsMeasured(int64_t step, int64_t steps) {
  constexpr int64_t kTimes = 10;
  return step * kTimes / steps != (step - 1) * kTimes / steps;
}

std::vector<const TrainSequence*> PointersTo(
    absl::Span<const TrainSequence> examples) {
  std::vector<const TrainSequence*> pointers;
  for (const TrainSequence& example : examples) pointers.push_back(&example);
  return pointers;
}

}  // namespace

absl::StatusOr<int64_t> CountBatches(const ExampleSource& examples,
                                     uint64_t num_examples,
                                     int64_t batch_tokens) {
  int64_t batches = 0, tokens = 0;
  for (uint64_t index = 0; index < num_examples; ++index) {
    R1_ASSIGN_OR_RETURN(const TrainSequence example, examples(index));
    if (index == 0 || tokens + example.length() > batch_tokens) {
      ++batches;
      tokens = 0;
    }
    tokens += example.length();
  }
  return batches;
}

SupervisedTrainer::SupervisedTrainer(std::string stage,
                                     const SupervisedSection& config,
                                     SupervisedData data, Ops* ops,
                                     Journal* journal, TrainingState state,
                                     const GradientRanks& ranks)
    : stage_(std::move(stage)),
      config_(config),
      data_(std::move(data)),
      journal_(journal),
      state_(std::move(state)),
      gradient_(state_.config, ops, state_.keep),
      leader_(ranks, MakeOptimizerConfig(config), {}, ops, state_) {}

absl::StatusOr<Metrics> SupervisedTrainer::Step() {
  const absl::Time start = absl::Now();
  const uint64_t first_index = state_.next_index;
  R1_ASSIGN_OR_RETURN(const std::vector<TrainSequence> batch, NextBatch());
  R1_ASSIGN_OR_RETURN(
      const double loss,
      leader_.ComputeSupervised(state_, PointersTo(batch), &gradient_));
  R1_ASSIGN_OR_RETURN(const UpdateResult update, leader_.Update(loss, &state_));
  if (!update.is_applied) {
    R1_RETURN_IF_ERROR(ReportSkipped(first_index, update));
  }
  ++state_.step;
  ++state_.version;

  int64_t tokens = 0;
  for (const TrainSequence& example : batch) tokens += example.length();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  Metrics metrics = {{"loss", loss},
                     {"grad_norm", update.grad_norm},
                     {"learning_rate", update.learning_rate},
                     {"updates/skipped", update.is_applied ? 0 : 1},
                     {"tokens/trained", tokens},
                     {"time/step_seconds", seconds},
                     {"tokens_per_second/train", tokens / seconds}};
  if (!data_.held_out.empty() && IsMeasured(state_.step, config_.steps())) {
    R1_ASSIGN_OR_RETURN(const double held_out, HeldOutLoss());
    metrics.emplace_back(kHeldOutLoss, held_out);
  }
  if (journal_ != nullptr) {
    R1_RETURN_IF_ERROR(journal_->RecordMetrics(state_.step, metrics));
  }
  return metrics;
}

// The next examples, whole, in order; state_.next_index moves past them.
absl::StatusOr<std::vector<TrainSequence>> SupervisedTrainer::NextBatch() {
  std::vector<TrainSequence> batch;
  int64_t tokens = 0;
  for (;;) {
    if (!batch.empty() && state_.next_index == data_.num_examples) return batch;
    R1_ASSIGN_OR_RETURN(TrainSequence example, Example(state_.next_index));
    if (!batch.empty() && tokens + example.length() > config_.batch_tokens()) {
      return batch;
    }
    tokens += example.length();
    batch.push_back(std::move(example));
    ++state_.next_index;
  }
}

absl::StatusOr<TrainSequence> SupervisedTrainer::Example(uint64_t index) const {
  R1_ASSIGN_OR_RETURN(TrainSequence example, data_.examples(index));
  R1_RETURN_IF_ERROR(
      CheckExample(example, absl::StrCat(stage_, " example ", index)));
  return example;
}

absl::Status SupervisedTrainer::CheckExample(const TrainSequence& example,
                                             const std::string& name) const {
  const ModelConfig& model = state_.config;
  if (example.length() > model.max_positions) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", example.length(),
                     " tokens, more than the context of ", model.max_positions,
                     ": raise model.max_positions or shorten the text"));
  }
  if (example.first_scored < 1 || example.scored() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has nothing to learn: ", example.length(),
                     " tokens, scored from ", example.first_scored));
  }
  for (int32_t token : example.tokens) {
    if (token >= 0 && token < model.vocab_size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": token ", token, " is outside the vocabulary of ",
                     model.vocab_size));
  }
  return absl::OkStatus();
}

absl::StatusOr<Metrics> SupervisedTrainer::MeasureStart() {
  Metrics metrics;
  if (data_.held_out.empty()) return metrics;
  R1_ASSIGN_OR_RETURN(const double held_out, HeldOutLoss());
  metrics.emplace_back(kHeldOutLoss, held_out);
  if (journal_ != nullptr) {
    R1_RETURN_IF_ERROR(journal_->RecordMetrics(/*step=*/0, metrics));
  }
  return metrics;
}

absl::StatusOr<double> SupervisedTrainer::HeldOutLoss() {
  for (size_t i = 0; i < data_.held_out.size(); ++i) {
    R1_RETURN_IF_ERROR(CheckExample(
        data_.held_out[i], absl::StrCat(stage_, " held-out example ", i)));
  }
  const std::vector<const TrainSequence*> examples = PointersTo(data_.held_out);
  return -gradient_.SumLogprobs(*state_.weights, examples) / ScoredOf(examples);
}

absl::Status SupervisedTrainer::ReportSkipped(uint64_t first_index,
                                              const UpdateResult& update) {
  const int64_t step = state_.step + 1;
  const std::string message = absl::StrCat(
      stage_, " step ", step, " was not applied: ", update.skip_reason,
      "; its batch: examples ", first_index, " to ", state_.next_index - 1);
  LogWarning(message);
  if (journal_ != nullptr) {
    R1_RETURN_IF_ERROR(journal_->RecordEvent(step, "update-skipped", message));
  }
  return CheckNotStuck(state_.optimizer, update);
}

}  // namespace r1
